// A compressed body as what it stands for, so that it can be searched. Thread: loop-confined.
#pragma once

#include "http/content_coding.h"
#include "http/message.h"

namespace cove::gateway {

class DecodedBody final : public http::BodyReader {
 public:
  // `inner` must outlive it.
  DecodedBody(http::BodyReader& inner, std::unique_ptr<http::Decoder> decoder)
      : inner_(inner), decoder_(std::move(decoder)) {}

  // kInvalid: the bytes are not of that coding, or end in the middle.
  http::Task<Result<size_t>> Read(std::span<char> buffer) override;
  std::optional<uint64_t> length() const override { return std::nullopt; }
  const http::Headers* trailers() const override { return inner_.trailers(); }

 private:
  http::BodyReader& inner_;
  std::unique_ptr<http::Decoder> decoder_;
  std::string ready_;
  size_t taken_ = 0;
  bool any_ = false;  // something came
};

}  // namespace cove::gateway
