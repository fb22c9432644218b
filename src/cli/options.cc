#include "cli/options.h"

namespace cove::cli {

namespace {

const OptionSpec* FindSpec(const std::vector<OptionSpec>& specs, std::string_view name) {
  for (const OptionSpec& spec : specs) {
    if (spec.name == name || (!spec.alias.empty() && spec.alias == name)) return &spec;
  }
  return nullptr;
}

}  // namespace

Result<Options> Options::Parse(const std::vector<std::string>& args,
                               const std::vector<OptionSpec>& specs, Mixed mixed) {
  Options out;
  bool options_ended = false;
  for (size_t i = 0; i < args.size(); ++i) {
    const std::string& arg = args[i];
    if (options_ended || arg.size() < 2 || arg[0] != '-') {
      out.positional_.push_back(arg);
      if (mixed == Mixed::kUntilSecond && out.positional_.size() >= 2) {
        options_ended = true;
      }
      continue;
    }
    if (arg == "--") {
      options_ended = true;
      continue;
    }
    const size_t equals = arg.starts_with("--") ? arg.find('=') : std::string::npos;
    const std::string name = arg.substr(0, equals);
    const OptionSpec* spec = FindSpec(specs, name);
    if (spec == nullptr) return Error(Code::kInvalid, "unknown option " + name);
    std::vector<std::string>& values = out.values_[std::string(spec->name)];
    if (spec->takes == OptionSpec::Takes::kNothing) {
      if (equals != std::string::npos) return Error(Code::kInvalid, name + " takes no value");
      values.emplace_back();
    } else if (equals != std::string::npos) {
      values.push_back(arg.substr(equals + 1));
    } else if (i + 1 < args.size()) {
      values.push_back(args[++i]);
    } else {
      return Error(Code::kInvalid, name + " needs a value");
    }
  }
  return out;
}

std::string Options::Get(std::string_view name) const {
  auto it = values_.find(std::string(name));
  return it == values_.end() ? std::string() : it->second.back();
}

std::vector<std::string> Options::All(std::string_view name) const {
  auto it = values_.find(std::string(name));
  return it == values_.end() ? std::vector<std::string>() : it->second;
}

}  // namespace cove::cli
