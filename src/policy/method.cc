#include "policy/method.h"

#include <algorithm>

namespace cove::policy {

namespace {
constexpr size_t kMethodBytesMax = 32;

bool IsCapital(char c) { return c >= 'A' && c <= 'Z'; }

}  // namespace

Result<void> CheckMethod(std::string_view text) {
  const bool sound =
      !text.empty() && text.size() <= kMethodBytesMax && IsCapital(text.front()) &&
      IsCapital(text.back()) &&
      std::all_of(text.begin(), text.end(), [](char c) { return IsCapital(c) || c == '-'; });
  if (sound) return Ok();
  return Error(Code::kInvalid,
               "methods are in capitals: \"GET\", \"M-SEARCH\"; leave the key out for all");
}

}  // namespace cove::policy
