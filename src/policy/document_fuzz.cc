// Feeds arbitrary bytes to everything of this room that reads text: whatever is accepted must
// survive being asked.
#include <cstddef>
#include <cstdint>

#include "policy/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace cove::policy;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
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
