#include "gateway/replaced_body.h"

#include <algorithm>

namespace cove::gateway {
namespace {

constexpr uint64_t kWholeBytesMax = 256 * 1024;
constexpr size_t kStep = 32 * 1024;

}  // namespace

http::Task<Result<void>> ReplacedBody::Prepare() {
  const auto size = inner_.length();
  if (!size || *size > kWholeBytesMax) co_return Ok();
  while (!ended_) CO_RETURN_IF_ERROR(co_await Fill());
  whole_ = true;
  co_return Ok();
}

http::Task<Result<void>> ReplacedBody::Fill() {
  std::vector<char> buffer(kStep);
  CO_ASSIGN_OR_RETURN(const size_t n, co_await inner_.Read(buffer));
  if (n == 0) {
    ended_ = true;
    replacer_.Finish(&ready_);
  } else {
    replacer_.Feed(std::string_view(buffer.data(), n), &ready_);
  }
  if (replacer_.overflowed()) {
    co_return Error(Code::kTooLarge, "the placeholder of a secret stands too often in the body");
  }
  co_return Ok();
}

http::Task<Result<size_t>> ReplacedBody::Read(std::span<char> buffer) {
  if (taken_ == ready_.size() && !ended_) {
    ready_.clear();
    taken_ = 0;
  }
  while (taken_ == ready_.size() && !ended_) CO_RETURN_IF_ERROR(co_await Fill());
  const size_t n = std::min(buffer.size(), ready_.size() - taken_);
  std::copy_n(ready_.data() + taken_, n, buffer.data());
  taken_ += n;
  co_return n;
}

std::optional<uint64_t> ReplacedBody::length() const {
  if (!whole_) return std::nullopt;
  return ready_.size();
}

}  // namespace cove::gateway
