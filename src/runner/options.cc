#include "runner/options.h"

#include "base/text.h"
#include "log/log.h"

namespace cove::runner {
namespace {

constexpr size_t kShellsMax = 64;

Result<net::SocketAddress> ParseListen(std::string_view text) {
  const Error bad(Code::kInvalid,
                  "--listen wants IP:PORT, for example 127.0.0.1:3986 or [::]:3986, not '" +
                      std::string(text) + "'");
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad;
  std::string_view host = text.substr(0, colon);
  const auto port = ParseInt<uint16_t>(text.substr(colon + 1));
  if (!port) return bad;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (host == "localhost") host = "127.0.0.1";
  const auto address = net::SocketAddress::FromIp(host, *port);
  if (!address) return bad;
  return *address;
}

bool IsPlainPath(std::string_view path) {
  if (path.size() < 2 || path[0] != '/' || path.find('\0') != std::string_view::npos) return false;
  for (const std::string_view part : Split(path.substr(1), '/')) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return true;
}

Result<ShareOption> ParseShare(const std::string& text) {
  const Error bad(Code::kInvalid,
                  "--share wants ro or rw, a source and a target, both absolute and without '.', "
                  "'..' or '//': rw:/srv/project:/app/project, not '" +
                      text + "'");
  const auto parts = Split(text, ':');
  if (parts.size() != 3 || (parts[0] != "ro" && parts[0] != "rw")) return bad;
  const auto source = PercentDecode(parts[1]);
  const auto target = PercentDecode(parts[2]);
  if (!source || !target || !IsPlainPath(*source) || !IsPlainPath(*target)) return bad;
  return ShareOption{*source, *target,
                     parts[0] == "rw" ? sys::MountAccess::kReadWrite : sys::MountAccess::kReadOnly};
}

}  // namespace

Result<Options> ParseOptions(const std::vector<std::string>& args) {
  Options out;
  std::string shells = std::to_string(out.shells);
  std::string share;
  for (size_t i = 0; i < args.size(); ++i) {
    std::string name = args[i];
    if (name == "--help" || name == "-h") {
      out.help = true;
      continue;
    }
    if (name == "--ephemeral") {
      out.ephemeral = true;
      continue;
    }
    const size_t equals = name.find('=');
    const std::string bare = name.substr(0, equals);
    const std::pair<std::string_view, std::string*> known[] = {
        {"--listen", &out.listen_text},  {"--data", &out.data},
        {"--config", &out.config},       {"--store", &out.store},
        {"--log-level", &out.log_level}, {"--shells", &shells},
        {"--images", &out.images},       {"--share", &share}};
    std::string* target = nullptr;
    for (const auto& [option, place] : known) {
      if (bare == option) target = place;
    }
    if (target == nullptr) {
      return Error(Code::kInvalid, "unknown option '" + name + "'\n" + kServeUsage);
    }
    if (equals != std::string::npos) {
      *target = name.substr(equals + 1);
    } else if (++i < args.size()) {
      *target = args[i];
    } else {
      return Error(Code::kInvalid, bare + " wants a value\n" + kServeUsage);
    }
    if (target == &share) {
      ASSIGN_OR_RETURN(auto parsed, ParseShare(share));
      out.shares.push_back(std::move(parsed));
    }
  }
  ASSIGN_OR_RETURN(out.listen, ParseListen(out.listen_text));
  if (!out.data.starts_with('/')) {
    return Error(Code::kInvalid, "--data wants an absolute path, not '" + out.data + "'");
  }
  if (!out.images.empty() && !IsPlainPath(out.images)) {
    return Error(Code::kInvalid, "--images wants an absolute path, not '" + out.images + "'");
  }
  if (!out.log_level.empty() && !log::ParseLevel(out.log_level)) {
    return Error(Code::kInvalid,
                 "--log-level wants debug, info, warn or error, not '" + out.log_level + "'");
  }
  const auto count = ParseInt<size_t>(shells);
  if (!count || *count > kShellsMax) {
    return Error(Code::kInvalid, "--shells wants a number from 0 to 64, not '" + shells + "'");
  }
  out.shells = *count;
  while (out.data.size() > 1 && out.data.ends_with('/')) out.data.pop_back();
  return out;
}

}  // namespace cove::runner
