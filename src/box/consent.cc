#include "box/consent.h"

#include <cstdio>
#include <iostream>

#include "box/say.h"

namespace cove::box {

Result<void> Consent::Ask(const std::string& warning, const std::string& question,
                          const std::string& refusal) const {
  Warn(warning);
  if (who_ == Who::kNobody) {
    return Error(Code::kDenied, "Non-interactive shell; refusing to " + refusal + ".");
  }
  std::fprintf(stderr, "%s [y/N] ", agents::Printable(question).c_str());
  std::fflush(stderr);
  if (who_ == Who::kYes) {
    std::fputs("y (confirmed by --yes)\n", stderr);
    return Ok();
  }
  std::string answer;
  std::getline(std::cin, answer);
  if (answer == "y" || answer == "Y") return Ok();
  return Error(Code::kDenied, kAborting);
}

}  // namespace cove::box
