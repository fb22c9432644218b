#include "gateway/client_stream.h"

#include <algorithm>

namespace cove::gateway {

net::Task<Result<size_t>> ClientStream::Read(std::span<char> buffer) {
  if (taken_ < read_ahead_.size()) {
    const size_t n = std::min(buffer.size(), read_ahead_.size() - taken_);
    std::copy_n(read_ahead_.data() + taken_, n, buffer.data());
    taken_ += n;
    if (taken_ == read_ahead_.size()) {
      read_ahead_ = std::string();
      taken_ = 0;
    }
    counters_->out += n;
    co_return n;
  }
  socket_->set_read_timeout(read_timeout());
  CO_ASSIGN_OR_RETURN(const size_t n, co_await socket_->Read(buffer));
  counters_->out += n;
  co_return n;
}

net::Task<Result<void>> ClientStream::Write(std::string_view bytes) {
  socket_->set_write_timeout(write_timeout());
  CO_RETURN_IF_ERROR(co_await socket_->Write(bytes));
  counters_->in += bytes.size();
  co_return Ok();
}

}  // namespace cove::gateway
