// PrefixStream: a stream some of whose bytes were read already (to look at a head or a first
// message) and come again first. Thread: loop-confined.
#pragma once

#include <algorithm>
#include <string>

#include "net/stream.h"

namespace cove::net {

class PrefixStream final : public ByteStream {
 public:
  PrefixStream(std::string prefix, StreamPtr inner)
      : prefix_(std::move(prefix)), inner_(std::move(inner)) {}

  Task<Result<size_t>> Read(std::span<char> buffer) override {
    if (!prefix_.empty()) {
      const size_t size = std::min(buffer.size(), prefix_.size() - used_);
      std::copy_n(prefix_.data() + used_, size, buffer.data());
      used_ += size;
      if (used_ == prefix_.size()) prefix_ = std::string();
      co_return size;
    }
    inner_->set_read_timeout(read_timeout());
    co_return co_await inner_->Read(buffer);
  }
  Task<Result<void>> Write(std::string_view bytes) override {
    inner_->set_write_timeout(write_timeout());
    co_return co_await inner_->Write(bytes);
  }
  Task<Result<void>> CloseWrite() override { return inner_->CloseWrite(); }
  void MarkAborted() override { inner_->MarkAborted(); }
  bool LooksIdle() override { return prefix_.empty() && inner_->LooksIdle(); }
  // Once the prefix is read, the kernel may move what follows.
  int PlainFd() const override { return prefix_.empty() ? inner_->PlainFd() : -1; }

 private:
  std::string prefix_;
  size_t used_ = 0;
  StreamPtr inner_;
};

}  // namespace cove::net
