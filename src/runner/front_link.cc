#include "runner/front_link.h"

namespace cove::runner {

Task<void> FrontLink::Write() {
  for (;;) {
    Outgoing next = co_await outgoing_.Pop();
    std::vector<int> fds;
    for (const UniqueFd& fd : next.fds) fds.push_back(fd.get());
    const auto type = static_cast<uint16_t>(next.type);
    const auto sent = co_await channel_.SendRaw(type, std::move(next.body), std::move(fds));
    if (!sent) {
      dead_ = true;
      co_return;
    }
  }
}

}  // namespace cove::runner
