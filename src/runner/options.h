// The command line of `cove serve`. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "net/socket.h"
#include "sandbox/driver.h"

namespace cove::runner {

// A directory or file of this machine that every sandbox of the server sees.
struct ShareOption {
  std::string source;  // absolute
  std::string target;
  sys::MountAccess access = sys::MountAccess::kReadOnly;
};

struct Options {
  net::SocketAddress listen;
  std::string listen_text = "127.0.0.1:3986";
  std::string data = "/var/lib/cove";
  std::string config;     // path; empty: none
  std::string store;      // URL for the front; empty: its default
  std::string log_level;  // empty: info, and the front as its configuration says
  size_t shells = sandbox::kShells;
  std::vector<ShareOption> shares;
  std::string images;  // path; empty: DIR/runner/images
  bool ephemeral = false;
  bool help = false;
};

inline constexpr const char* kServeUsage =
    "usage: cove serve [--listen HOST:PORT] [--data DIR] [--config FILE] [--store URL]\n"
    "                  [--log-level LEVEL] [--shells N] [--share ro|rw:SOURCE:TARGET]...\n"
    "                  [--images DIR] [--ephemeral]\n"
    "  --listen  where the API, previews and the dashboard are served (127.0.0.1:3986)\n"
    "  --data    where everything is kept (/var/lib/cove)\n"
    "  --config  cove.toml\n"
    "  --store   database URL; default: a file below --data\n"
    "  --log-level  debug, info, warn or error; stands above server.log_level of cove.toml\n"
    "  --shells     namespaces of sandboxes made ahead, 0 to 64 (8); about 1 MB of memory each\n"
    "  --share      a directory or file of this machine that every sandbox sees at TARGET;\n"
    "               %3A stands for ':' in a path, %25 for '%'\n"
    "  --images     another server's DIR/runner/images, used as they are: no new ones are made\n"
    "  --ephemeral  sandboxes end with the server, and the server with its standard input, if\n"
    "               that is a pipe\n";

// kInvalid, naming the word that is wrong.
Result<Options> ParseOptions(const std::vector<std::string>& args);

}  // namespace cove::runner
