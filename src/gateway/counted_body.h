// A request's body on its way out, counted; of the fields after it only those that may travel.
// Thread: loop-confined.
#pragma once

#include "gateway/http_request.h"
#include "gateway/usage.h"

namespace cove::gateway {

class CountedBody final : public http::BodyReader {
 public:
  // `inner` and `lease`, which pays for the bytes, must outlive it.
  CountedBody(http::BodyReader& inner, Lease& lease) : inner_(inner), lease_(lease) {}
  http::Task<Result<size_t>> Read(std::span<char> buffer) override {
    auto read = co_await inner_.Read(buffer);
    if (!read && IsUnsound(read.error().code())) unsound_ = read.error().message();
    CO_ASSIGN_OR_RETURN(const size_t n, std::move(read));
    bytes_ += n;
    CO_RETURN_IF_ERROR(SpendBytes(lease_, n));
    if (n == 0 && inner_.trailers() != nullptr) trailers_ = TrailersToSend(*inner_.trailers());
    co_return n;
  }
  std::optional<uint64_t> length() const override { return inner_.length(); }
  const http::Headers* trailers() const override { return &trailers_; }
  uint64_t bytes() const { return bytes_; }
  // What is wrong with its framing; empty: nothing so far.
  const std::string& unsound() const { return unsound_; }

 private:
  static bool IsUnsound(Code code) { return code == Code::kInvalid || code == Code::kTooLarge; }

  http::BodyReader& inner_;
  Lease& lease_;
  uint64_t bytes_ = 0;
  std::string unsound_;
  http::Headers trailers_;
};

}  // namespace cove::gateway
