// Prepare: everything that is decided and asked before anything is started, in the wrapper's order.
// Thread: blocks on the disk and the terminal.
#pragma once

#include <optional>

#include "box/consent.h"
#include "box/credentials.h"
#include "box/domains.h"
#include "box/image.h"
#include "box/places.h"
#include "box/run_dir.h"
#include "box/server_config.h"

namespace cove::box {

// A file where the agent can write, as it was approved.
struct ApprovedFile {
  std::string path;
  std::string text;
};

struct Prepared {
  Args args;
  BaseDir base;
  Places places;
  Homes homes;
  std::optional<std::string> hook;
  std::vector<ApprovedFile> approved;
  std::string auth_path;  // empty: none was found
  std::optional<Credentials> credentials;
  Domains domains;
  Reach reach;
  std::string no_proxy;
  std::string operators;  // the text of COVE_BOX_CONFIG
  std::string resolvers;  // of RESOLV_CONF_FILE; empty: the machine's own
  ImageWish image;
  bool web_search = false;
  bool guard_git = true;   // what git and Codex run by themselves is read-only in the box
  bool own_login = false;  // nobody brings a key, so Codex is to log in by itself
};

// Says warnings on standard error. The error's text is for people, after "Error: ".
Result<Prepared> Prepare(Args args, const World& world);

}  // namespace cove::box
