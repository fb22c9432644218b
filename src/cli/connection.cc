#include "cli/connection.h"

#include <cstdio>
#include <cstdlib>
#include <fstream>

#include "agents/terminal.h"
#include "base/text.h"
#include "policy/address.h"

namespace cove::cli {

namespace {

std::string Env(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string() : std::string(value);
}

std::string FirstEnv(std::initializer_list<const char*> names) {
  for (const char* name : names) {
    std::string value = Env(name);
    if (!value.empty()) return value;
  }
  return {};
}

// By number, as any other name may lead anywhere.
bool IsThisMachine(const http::Url& url) {
  if (url.scheme == "unix" || url.host == "localhost") return true;
  const auto address = policy::Address::Parse(url.host);
  return address && policy::Classify(*address, {}) == policy::AddressClass::kLoopback;
}

}  // namespace

Result<Server> FindServer() {
  std::string url = FirstEnv({"COVE_URL", "DAYTONA_API_URL"});
  if (url.empty()) url = "http://127.0.0.1:3986";
  Server out;
  auto parsed = http::Url::Parse(url);
  if (!parsed) return std::move(parsed).error().Wrap("the server's address '" + url + "'");
  out.url = *std::move(parsed);
  out.url.target = "/";  // DAYTONA_API_URL ends in /api
  out.key = FirstEnv({"COVE_API_KEY", "DAYTONA_API_KEY", "COVE_ADMIN_KEY"});
  if (!out.key.empty()) return out;
  if (!IsThisMachine(out.url)) {
    return Error(Code::kUnauthenticated,
                 "no API key: set COVE_API_KEY; the admin key of a server on this machine is not "
                 "sent to " +
                     out.url.host);
  }
  std::string data = Env("COVE_DATA");
  if (data.empty()) data = "/var/lib/cove";
  const std::string path = data + "/front/admin.key";
  std::ifstream file(path);
  std::getline(file, out.key);
  out.key = std::string(Trim(out.key));
  if (out.key.empty()) {
    return Error(Code::kUnauthenticated,
                 "no API key: set COVE_API_KEY, or run as root on the "
                 "server's machine (looked for " +
                     path + ")");
  }
  return out;
}

int ExitCodeOf(const Error& error) {
  switch (error.code()) {
    case Code::kInvalid:
      return 2;
    case Code::kUnavailable:
      return 3;
    case Code::kUnauthenticated:
    case Code::kDenied:
      return 4;
    case Code::kNotFound:
    case Code::kGone:
      return 5;
    default:
      return 1;
  }
}

int Fail(const Error& error) {
  std::fprintf(stderr, "cove: %s\n", agents::Printable(error.message()).c_str());
  return ExitCodeOf(error);
}

}  // namespace cove::cli
