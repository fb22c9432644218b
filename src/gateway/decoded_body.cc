#include "gateway/decoded_body.h"

#include <algorithm>
#include <array>

namespace cove::gateway {
namespace {

// Few at a time: each may stand for a thousand.
constexpr size_t kStep = 512;

}  // namespace

http::Task<Result<size_t>> DecodedBody::Read(std::span<char> buffer) {
  while (taken_ == ready_.size()) {
    ready_.clear();
    taken_ = 0;
    std::array<char, kStep> piece;
    CO_ASSIGN_OR_RETURN(const size_t n, co_await inner_.Read(piece));
    if (n == 0 && any_ && !decoder_->whole()) {
      co_return Error(Code::kInvalid, "the compressed answer is cut");
    }
    if (n == 0) co_return size_t{0};
    any_ = true;
    CO_RETURN_IF_ERROR(
        decoder_->Feed({piece.data(), n}, [this](std::string_view decoded) -> Result<void> {
          ready_ += decoded;
          return Ok();
        }));
  }
  const size_t n = std::min(buffer.size(), ready_.size() - taken_);
  std::copy_n(ready_.data() + taken_, n, buffer.data());
  taken_ += n;
  co_return n;
}

}  // namespace cove::gateway
