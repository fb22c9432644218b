#include "runner/front_link.h"

#include <sys/resource.h>
#include <sys/socket.h>

#include "log/log.h"

namespace cove::runner {
namespace {

using proto::runner::Type;

// A front that starts asks for the four sockets of every box, and there may be a box for every
// twelve files (Boxes::FilesFor).
size_t WaitingFdsMax() {
  rlimit files{};
  return getrlimit(RLIMIT_NOFILE, &files) == 0 ? static_cast<size_t>(files.rlim_cur / 3) : 0;
}

}  // namespace

FrontLink::FrontLink(UniqueFd channel)
    : channel_(std::move(channel)), waiting_fds_max_(WaitingFdsMax()) {}

void FrontLink::Push(Outgoing message) {
  if (waiting_bytes_ > kWaitingBytesMax || waiting_fds_ > waiting_fds_max_) {
    log::Error("front.does_not_read", {{"bytes", waiting_bytes_}, {"descriptors", waiting_fds_}});
    dead_ = true;
    // Whoever reads or writes here wakes up and ends it.
    shutdown(channel_.stream().fd(), SHUT_RDWR);
    return;
  }
  waiting_bytes_ += message.bytes();
  waiting_fds_ += message.fds.size();
  outgoing_.Push(std::move(message));
}

Task<void> FrontLink::Write() {
  for (;;) {
    Outgoing next = co_await outgoing_.Pop();
    waiting_bytes_ -= next.bytes();
    waiting_fds_ -= next.fds.size();
    if (!co_await WriteOne(std::move(next))) break;
  }
  dead_ = true;
}

Task<Result<void>> FrontLink::WriteOne(Outgoing message) {
  std::string_view rest = message.body;
  for (; rest.size() > proto::kFrameBodyMax; rest.remove_prefix(proto::kFrameBodyMax)) {
    CO_RETURN_IF_ERROR(co_await channel_.SendView(static_cast<uint16_t>(Type::kMore),
                                                  rest.substr(0, proto::kFrameBodyMax)));
  }
  std::vector<int> fds;
  for (const UniqueFd& fd : message.fds) fds.push_back(fd.get());
  co_return co_await channel_.SendView(static_cast<uint16_t>(message.type), rest, std::move(fds));
}

}  // namespace cove::runner
