#include "front/options.h"

#include "base/text.h"

namespace cove::front {

Result<Options> ParseOptions(const std::vector<std::string>& args) {
  Options out;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--print-config-reference") {
      out.print_reference = true;
      continue;
    }
    if (args[i] == "--borrowed-images") {
      out.borrowed_images = true;
      continue;
    }
    if (args[i] == "--ephemeral") {
      out.ephemeral = true;
      continue;
    }
    if (i + 1 == args.size()) return Error(Code::kInvalid, args[i] + " wants a value");
    const std::string& value = args[i + 1];
    if (args[i] == "--data") {
      out.data = value;
    } else if (args[i] == "--config-name") {
      out.config_name = value;
    } else if (args[i] == "--log-level" && log::ParseLevel(value)) {
      out.log_level = log::ParseLevel(value);
    } else if (const auto fd = ParseInt<int>(value); args[i] == "--config-fd" && fd) {
      out.config_fd = *fd;
    } else {
      return Error(Code::kInvalid, "unknown option '" + args[i] +
                                       "': `cove front` is started by `cove serve`, not by hand");
    }
    ++i;
  }
  if (out.data.empty() && !out.print_reference) {
    return Error(Code::kInvalid, "`cove front` is started by `cove serve`, not by hand");
  }
  return out;
}

}  // namespace cove::front
