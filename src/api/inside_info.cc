// /toolbox/{sandbox}: what the inside is like: user, folders, ports.
#include "api/inside.h"
#include "api/routes.h"
#include "base/text.h"

namespace cove::api {
namespace {

Task<Result<void>> Home(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto info, co_await client.Info());
  json::Object body;
  body["dir"] = info.home;
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Version(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto info, co_await client.Info());
  json::Object body;
  body["version"] = info.version;
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> Ports(Call& call) {
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto ports, co_await client.ListPorts());
  json::Array list;
  for (const auto& port : ports) list.emplace_back(port.port);
  json::Object body;
  body["ports"] = std::move(list);
  co_return co_await call.Reply(200, body);
}

Task<Result<void>> PortInUse(Call& call) {
  const auto wanted = ParseInt<uint16_t>(call.Param("port"));
  if (!wanted || *wanted == 0) {
    co_return Error(Code::kInvalid, "the port must be a number from 1 to 65535");
  }
  CO_ASSIGN_OR_RETURN(auto client, OpenToolbox(call));
  CO_ASSIGN_OR_RETURN(const auto ports, co_await client.ListPorts());
  bool used = false;
  for (const auto& port : ports) used = used || port.port == *wanted;
  json::Object body;
  body["isInUse"] = used;
  co_return co_await call.Reply(200, body);
}

}  // namespace

void AddInsideRoutes(Routes& routes) {
  routes.AddInside("GET", "/user-home-dir", &Home, Area::kToolbox);
  // Relative paths start at the home, so both are one.
  routes.AddInside("GET", "/work-dir", &Home, Area::kToolbox);
  routes.AddInside("GET", "/project-dir", &Home, Area::kToolbox);
  routes.AddInside("GET", "/version", &Version, Area::kToolbox);
  routes.AddInside("GET", "/port", &Ports, Area::kToolbox);
  routes.AddInside("GET", "/port/{port}/in-use", &PortInUse, Area::kToolbox);
}

}  // namespace cove::api
