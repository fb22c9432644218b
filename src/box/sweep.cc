#include "box/sweep.h"

namespace cove::box {
namespace {

constexpr char kNothing[] = "[policy]\ndefault = \"deny\"\nregistries = \"none\"\n";

}  // namespace

Result<ServerOptions> ServerToEnd(const BaseDir& base, const LeftOver& left) {
  const std::string dir = base.path + "/run/" + left.id;
  RETURN_IF_ERROR(base.run.Write(left.id + "/sweep.toml", kNothing, 0600));
  ServerOptions options;
  options.data = dir + "/data";
  options.config = dir + "/sweep.toml";
  options.log = dir + "/server.log";
  for (const char* key : {"OPENAI_API_KEY", kAnthropicKey}) options.env.emplace_back(key, "");
  return options;
}

Task<void> Sweep(const BaseDir* base) {
  for (const LeftOver& left : FindLeftOvers(*base)) {
    if (left.has_boxes) {
      auto options = ServerToEnd(*base, left);
      if (!options) continue;
      auto server = co_await PrivateServer::Start(*std::move(options));
      if (server) (void)co_await server->Stop();
    }
    RemoveLeftOver(*base, left);
  }
}

}  // namespace cove::box
