// A policy document: what somebody wrote down, read strictly.
//
//   default = "deny"                 # or "allow"; what no rule is about
//   presets = ["npm", "github-clone"]
//   allow = ["example.org", "*.example.org:443", "10.1.0.0/16:22"]   # the short form of rules
//   deny = ["ads.example.org"]
//
//   [[rule]]                         # the long form
//   allow = ["api.example.org"]      # or deny; a text or a list of texts in the short form
//   ports = [443, "8000-8100"]       # then those texts have none of their own
//   methods = ["GET", "HEAD"]
//   paths = ["/public/**"]
//   inspect = true                   # open TLS to these hosts, so that requests can be judged
//   credential = "github"            # with inspect: a secret for requests that this rule allows
//   connections = 8                  # at once, in each sandbox
//   bytes = "100MB"                  # in all, both ways, in each sandbox
//   rate = "60/minute"               # requests where they are read, else connections
//   log = "requests"                 # a record for each; else "connections"
//   resolves_to = ["10.0.0.0/8"]     # only in the server's own policy
//
// An unknown key, a wrong type, an empty list or a bad rule is an error that names the place and
// what to write; nothing is skipped, so that a typo never widens or narrows a policy silently.
// Thread: values.
#pragma once

#include <string_view>
#include <vector>

#include "policy/node.h"
#include "policy/rule.h"

namespace cove::policy {

inline constexpr size_t kRulesMax = 4096;
inline constexpr size_t kDocumentPathsMax = 8192;  // as written; a rule's hosts share theirs

struct Document {
  Effect standard = Effect::kDeny;  // what no rule is about
  std::vector<Rule> rules;
};

// `layer` is written into the rules; resolves_to is refused below the server's.
Result<Document> ReadDocument(const Node& node, Layer layer);
Result<Document> ParseToml(std::string_view text, std::string_view name, Layer layer);
Result<Document> ParseJson(std::string_view text, Layer layer);

}  // namespace cove::policy
