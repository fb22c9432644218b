// Inside: what runs in the box, as its user `codex`, in the project, without any privilege to gain.
// Thread: loop-confined. What it is given must outlive it.
#pragma once

#include "async/signals.h"
#include "box/prepare.h"
#include "box/terminal.h"
#include "proto/toolbox_client.h"

namespace cove::box {

class Inside {
 public:
  Inside(const Prepared& prepared, const World& world, std::string toolbox_socket)
      : p_(prepared), world_(world), toolbox_(std::move(toolbox_socket)) {}

  // What must not be reached is not, and what Codex needs is. kUnavailable with the reason else.
  Task<Result<void>> Check();
  // Their exit codes.
  Task<Result<int>> RunHook(async::Signals& signals);
  Task<Result<int>> RunCodex(async::Signals& signals);

 private:
  proto::toolbox::ExecRequest Request(std::vector<std::string> argv) const;
  enum class Way { kAsTold, kDirect };  // by the proxy of the environment, or not
  Task<Result<std::string>> Fetch(std::string url, seconds limit, Way way);
  Task<Result<void>> CheckDenied();
  Task<Result<void>> CheckReached();
  Task<Result<void>> CheckIgnored();

  const Prepared& p_;
  const World& world_;
  proto::toolbox::ToolboxClient toolbox_;
};

}  // namespace cove::box
