#include "gateway/searched_stream.h"

#include <algorithm>

namespace cove::gateway {
namespace {

// An end that is so much of a text waits for what follows; a shorter one may be anything.
constexpr size_t kShownMax = 8;

}  // namespace

SearchedStream::SearchedStream(net::ByteStream& inner, const std::vector<Replacement>& texts)
    : inner_(inner) {
  for (const Replacement& one : texts) {
    texts_.push_back(one.from);
    longest_ = std::max(longest_, one.from.size());
  }
}

net::Task<Result<size_t>> SearchedStream::Read(std::span<char> buffer) {
  inner_.set_read_timeout(read_timeout());
  if (longest_ == 0) co_return co_await inner_.Read(buffer);
  while (ready_.empty()) {
    if (ended_) co_return size_t{0};
    CO_ASSIGN_OR_RETURN(const size_t n, co_await inner_.Read(buffer));
    CO_RETURN_IF_ERROR(Take({buffer.data(), n}));
  }
  const size_t n = std::min(buffer.size(), ready_.size());
  std::copy_n(ready_.data(), n, buffer.data());
  ready_.erase(0, n);
  co_return n;
}

Result<void> SearchedStream::Take(std::string_view bytes) {
  ended_ = bytes.empty();
  seen_.append(bytes);
  for (const std::string& text : texts_) {
    if (seen_.find(text) == std::string::npos) continue;
    found_ = true;
    return Error(Code::kDenied, "the server sent a secret back");
  }
  held_.append(bytes);
  const size_t certain = ended_ ? held_.size() : held_.size() - HeldBack();
  ready_ = held_.substr(0, certain);
  held_.erase(0, certain);
  if (seen_.size() >= longest_) seen_.erase(0, seen_.size() - (longest_ - 1));
  return Ok();
}

size_t SearchedStream::HeldBack() const {
  size_t held = 0;
  for (const std::string& text : texts_) {
    const std::string_view end = seen_;
    size_t n = std::min(end.size(), text.size() - 1);
    while (n >= kShownMax && !text.starts_with(end.substr(end.size() - n))) --n;
    if (n >= kShownMax) held = std::max(held, std::min(n, held_.size()));
  }
  return held;
}

net::Task<Result<void>> SearchedStream::Write(std::string_view bytes) {
  inner_.set_write_timeout(write_timeout());
  co_return co_await inner_.Write(bytes);
}

}  // namespace cove::gateway
