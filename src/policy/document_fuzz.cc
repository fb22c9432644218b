// Feeds arbitrary bytes to everything of this room that reads text: whatever is accepted must
// survive being asked, and what an importer writes must be a document.
#include <cstddef>
#include <cstdint>

#include "policy/import.h"
#include "policy/policy.h"

namespace {

using namespace cove::policy;

// Rules that compare a request's path and query in every way there is.
const Policy& AboutPaths() {
  static const auto policy = [] {
    auto document = std::make_shared<Document>(*ParseToml(
        "default = \"deny\"\n"
        "[[rule]]\nallow = \"a.test\"\npaths = [\"/a/*/b*.c\", \"/d/**\", \"/e?f=g\"]\n"
        "[[rule]]\ndeny = \"a.test\"\npaths = [\"/d/x/**\", \"/*%2Fz\", \"/d/y?k=v&w\"]\n",
        "fuzz", Layer::kServer));
    return Policy::Make({{Layer::kServer, nullptr, std::move(document)}});
  }();
  return *policy;
}

void AskForPath(std::string_view text) {
  (void)AboutPaths().EvaluateRequest("a.test", 443, "GET", text);
  const auto path = RequestPath::Parse(text);
  const auto pattern = PathPattern::Parse(text);
  if (!path || !pattern) return;
  // What is written out is the same pattern again.
  const auto again = PathPattern::Parse(pattern->text());
  if (!again || again->text() != pattern->text()) __builtin_trap();
  if (again->Matches(*path) && !again->MayMatch(*path)) __builtin_trap();
}

void Import(std::string_view text) {
  for (const auto& made : {ImportCoder(text), ImportCodex(text, ""), ImportDomains(text)}) {
    if (made && !ParseToml(*made, "made", Layer::kSandbox)) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  AskForPath(text);
  Import(text);
  (void)ParseJson(text, Layer::kSandbox);
  if (auto document = ParseToml(text, "fuzz", Layer::kServer)) {
    auto shared = std::make_shared<Document>(*std::move(document));
    const auto policy = Policy::Make({{Layer::kServer, shared, shared}});
    (void)policy->EvaluateName(text);
    (void)policy->EvaluateRequest("a.example.org", 443, "GET", text);
  }
  if (auto rule = ParseRule(text, Layer::kServer)) {
    // What a rule calls itself is a rule again, and the same one.
    const auto again = ParseRule(rule->text, Layer::kServer);
    if (!again || again->text != rule->text) __builtin_trap();
  }
  return 0;
}
