// Secrets that are put into requests on their way out.
//
// Concept: a sandbox has placeholders, never values. For each request that the policy allowed, on a
// connection whose TLS the gateway opened, Credentials says which secrets are for it (host, port,
// method, path, compared by the policy's own rules); CredentialUse then changes the request that is
// sent on: a placeholder in a header, in the user or password of Basic, in the query or in a body
// of text becomes the value, and a secret that has a header of its own is added to requests that
// brought no placeholder. Each request is looked at by itself, so a redirect carries nothing that
// its own host is not given. What comes back is searched for the values as well: a server that
// repeats what it was sent shows the sandbox the placeholder, also one that kept it since a request
// of another method or path.
// Values never go into logs, errors or the audit, which names secrets.
// Thread: values; a Credentials is immutable and shared.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gateway/text_replacer.h"
#include "http/message.h"
#include "policy/document.h"

namespace cove::gateway {

// The header that a secret goes into by itself.
struct CredentialHeader {
  enum class Kind {
    kNone,    // only where the placeholder stands; if a rule adds it nevertheless: kBearer
    kBearer,  // Authorization: Bearer VALUE
    kBasic,   // Authorization: Basic, with `text` as the user and the value as the password
    kField,   // a field of its own, whose name is `text`
    kSsh,     // none: the value is an SSH key, for logging in as `text` (ssh_agent.h)
  };
  Kind kind = Kind::kNone;
  std::string text;
  std::string host_key;  // of kSsh: the public blob of the host's key

  // "", "bearer", "basic USER", "field NAME", "ssh USER ssh-ed25519 HOSTKEY" (as known_hosts has
  // it). kInvalid says what would be right.
  static Result<CredentialHeader> Parse(std::string_view text);
};

struct Credential {
  // A shorter value would be found where it does not stand, so it could not be hidden.
  static constexpr size_t kValueBytesMin = 8;
  std::string name;
  std::string placeholder;  // unreserved characters of URIs only
  std::string value;        // kValueBytesMin at least
  policy::Document scope;   // denies by default: where its rules allow, the secret may go
  CredentialHeader header;
  // Where its placeholder counts.
  bool in_header = true;
  bool in_query = true;
  bool in_body = true;
};
using CredentialPtr = std::shared_ptr<const Credential>;
using Vault = std::map<std::string, CredentialPtr, std::less<>>;  // of an organisation, by name

// What one request is given.
class CredentialUse {
 public:
  // Placeholders make a message longer by at most this: they are short, values need not be.
  static constexpr size_t kGrowthMax = 256 * 1024;
  // Whether there is a secret for the request.
  bool has_any() const { return !placed_.empty() || !by_rule_.empty(); }
  // None, nor one to look for in what comes back.
  bool empty() const { return placed_.empty() && by_rule_.empty() && kept_.empty(); }
  // Changes the head of the request that is sent on. Gives the names of the secrets that are in it
  // now, each once: for the audit.
  // kTooLarge: placeholders stand in it so often that it would be over kGrowthMax longer.
  Result<std::vector<std::string>> PutInto(http::Headers& headers, std::string& target);
  // What to replace in the request's body, by the names of the secrets; empty: it is sent as it is.
  // Bodies of other types than JSON, forms and text, and compressed ones, are.
  std::vector<Replacement> InBody(const http::Headers& headers) const;
  // What to replace in what the server answers: all spellings that PutInto made, too.
  std::vector<Replacement> InAnswer() const;

 private:
  friend class Credentials;
  static void AddOwn(const std::vector<CredentialPtr>& list, http::Headers& headers,
                     std::vector<std::string>& fields, std::vector<std::string>& used);
  bool PutIntoField(const Credential& credential, std::string& value);
  std::vector<CredentialPtr> placed_;   // where their placeholder stands
  std::vector<CredentialPtr> by_rule_;  // by themselves, always
  std::vector<CredentialPtr> added_;    // by themselves, where no placeholder stands
  // For other requests to the same server, which may have kept them: never put in, but hidden.
  std::vector<CredentialPtr> kept_;
  // Pairs of Basic with a value in them, and what they replaced.
  std::vector<Replacement> encoded_;
  size_t growth_left_ = kGrowthMax;
};

struct CredentialQuestion {
  std::string_view host;  // canonical
  uint16_t port = 0;
  std::string_view method;
  std::string_view target;
  // Secrets that the policy's rules name for this request, and for any request to there.
  const std::vector<std::string>* by_rule = nullptr;
  const std::vector<std::string>* by_other_rules = nullptr;
};

class Credentials {
 public:
  // `attached`: the names of the secrets whose placeholders the sandbox has. A name that is not in
  // the vault is no secret (any more).
  Credentials(std::shared_ptr<const Vault> vault, std::vector<std::string> attached);

  // Whether a secret that the sandbox has could go there: then TLS has to be opened.
  bool Concern(std::string_view host, uint16_t port) const;
  // kDenied when rules name secrets and none of them is for this request, so that a rule which
  // promises a secret never sends a request without one.
  Result<CredentialUse> For(const CredentialQuestion& question) const;
  // Those that the sandbox has which are SSH keys: they are never part of a request.
  std::vector<CredentialPtr> SshKeys() const;

 private:
  std::shared_ptr<const Vault> vault_;
  std::vector<CredentialPtr> attached_;
};

}  // namespace cove::gateway
