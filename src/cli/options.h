// Options: the arguments of one verb. "--name value" and "--name=value"; "--" ends options; what is
// left are the positional arguments. Thread: a value.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::cli {

struct OptionSpec {
  std::string_view name;   // "--env"
  std::string_view alias;  // "-e", or empty
  enum class Takes { kNothing, kValue } takes = Takes::kValue;
};

class Options {
 public:
  // kInvalid names the option that is unknown or lacks its value. kUntilSecond: options end
  // with the second positional argument (`exec SANDBOX COMMAND`: the rest is the command's).
  enum class Mixed { kYes, kUntilSecond };
  static Result<Options> Parse(const std::vector<std::string>& args,
                               const std::vector<OptionSpec>& specs, Mixed mixed = Mixed::kYes);

  bool Has(std::string_view name) const { return values_.count(std::string(name)) != 0; }
  // The last value; empty when absent.
  std::string Get(std::string_view name) const;
  std::vector<std::string> All(std::string_view name) const;
  const std::vector<std::string>& positional() const { return positional_; }

 private:
  std::map<std::string, std::vector<std::string>> values_;
  std::vector<std::string> positional_;
};

}  // namespace cove::cli
