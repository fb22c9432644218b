// Consent: questions that only the person who runs `cove box` may answer. --yes answers them all,
// and says so; without a terminal and --yes the answer is no. Thread: blocks on the terminal.
#pragma once

#include <string>

#include "base/result.h"

namespace cove::box {

class Consent {
 public:
  enum class Who { kYes, kTerminal, kNobody };
  explicit Consent(Who who) : who_(who) {}

  // `refusal`: what is refused when nobody can be asked: "mount /x outside workdir".
  Result<void> Ask(const std::string& warning, const std::string& question,
                   const std::string& refusal) const;

 private:
  Who who_;
};

inline constexpr char kAborting[] = "Aborting per user choice.";

}  // namespace cove::box
