// Connection: which server, with which key. From the environment: COVE_URL or DAYTONA_API_URL
// (default http://127.0.0.1:3986); COVE_API_KEY, DAYTONA_API_KEY or COVE_ADMIN_KEY, else the admin
// key's file of a server on this machine, COVE_DATA/front/admin.key, which goes to this machine
// only.
#pragma once

#include "agents/api_client.h"

namespace cove::cli {

struct Server {
  http::Url url;
  std::string key;
};

Result<Server> FindServer();

// What the process's exit code says about an error; see cli.h.
int ExitCodeOf(const Error& error);
// "cove: text" to standard error; gives ExitCodeOf(error).
int Fail(const Error& error);

}  // namespace cove::cli
