// PrivateServer: a `cove serve` of this box's own, which nobody else knows the key of. It ends when
// this process does, whatever way, and its sandboxes with it (--ephemeral, given here).
// Thread: loop-confined; Start() forks, so no thread of ours may hold a lock then.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "async/task.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/unique_fd.h"
#include "http/client.h"

namespace cove::box {

using async::Task;

struct ServerOptions {
  std::string data;
  std::string config;                                    // cove.toml; empty: none
  std::string log;                                       // where its log goes
  std::vector<std::string> args;                         // further ones
  std::vector<std::pair<std::string, std::string>> env;  // besides ours; an empty value unsets
  std::vector<int> kept;                                 // descriptors that it keeps open
  std::string resolv_conf;  // what it has as /etc/resolv.conf; empty: the machine's
};

// The key that a server takes for Anthropic's models unless it is configured otherwise. A box is
// Codex's: its agent gets to spend that only where somebody says so.
inline constexpr char kAnthropicKey[] = "ANTHROPIC_API_KEY";

class PrivateServer {
 public:
  // Returns once it serves. The error has its last words.
  static Task<Result<PrivateServer>> Start(ServerOptions options);
  PrivateServer(PrivateServer&& other) noexcept;
  PrivateServer& operator=(PrivateServer&&) = delete;
  ~PrivateServer();

  const std::string& url() const { return url_; }
  const http::Url& address() const { return address_; }  // the same
  const std::string& key() const { return key_; }
  // Ends it in good order; what it ran is gone then.
  Task<Result<void>> Stop();

 private:
  PrivateServer() = default;
  Task<Result<void>> AwaitReady();
  Error Failed(const std::string& what) const;
  pid_t pid_ = 0;
  UniqueFd pidfd_;
  UniqueFd output_;
  UniqueFd leash_;  // its end is the server's order to end
  std::string log_;
  std::string url_;
  http::Url address_;
  std::string key_;
};

}  // namespace cove::box
