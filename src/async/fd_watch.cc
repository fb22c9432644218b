#include "async/fd_watch.h"

#include <sys/epoll.h>

namespace cove::async {

FdWatch::FdWatch(int fd, Loop& loop) : loop_(loop), fd_(fd) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = this;
  if (epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_ADD, fd_, &event) != 0) {
    // EPERM: a regular file, which is always ready.
    read_.ready = write_.ready = true;
  }
}

FdWatch::~FdWatch() {
  epoll_ctl(loop_.epoll_.get(), EPOLL_CTL_DEL, fd_, nullptr);
  for (FdWatch*& entry : loop_.dispatching_) {
    if (entry == this) entry = nullptr;
  }
}

void FdWatch::OnEvents(uint32_t events) {
  constexpr uint32_t kBroken = EPOLLERR | EPOLLHUP;
  const bool in = (events & (EPOLLIN | EPOLLRDHUP | kBroken)) != 0;
  const bool out = (events & (EPOLLOUT | kBroken)) != 0;
  if (in && read_.waiting == nullptr) read_.ready = true;
  if (out && write_.waiting == nullptr) write_.ready = true;
  // Either resumption may destroy this watch; the loop's list tells whether it did.
  Wait* reader = in ? read_.waiting : nullptr;
  Wait* writer = out ? write_.waiting : nullptr;
  if (reader != nullptr && writer != nullptr) {
    write_.ready = true;
    struct Deferred {
      Loop& loop;
      FdWatch* self;
      bool alive() const {
        for (const FdWatch* entry : loop.dispatching_) {
          if (entry == self) return true;
        }
        return false;
      }
    } deferred{loop_, this};
    reader->OnReady();
    if (deferred.alive() && write_.waiting != nullptr) {
      write_.ready = false;
      write_.waiting->OnReady();
    }
    return;
  }
  if (reader != nullptr)
    reader->OnReady();
  else if (writer != nullptr)
    writer->OnReady();
}

}  // namespace cove::async
