// A message body in which texts are replaced as it passes. Thread: loop-confined.
#pragma once

#include "gateway/text_replacer.h"
#include "http/message.h"

namespace cove::gateway {

class ReplacedBody final : public http::BodyReader {
 public:
  // `inner` must outlive it.
  // `growth_max`: kTooLarge when it would be longer by more.
  ReplacedBody(http::BodyReader& inner, std::vector<Replacement> replacements,
               size_t growth_max = SIZE_MAX)
      : inner_(inner), replacer_(std::move(replacements), growth_max) {}

  // Whose texts were replaced so far.
  const std::vector<std::string>& found() const { return replacer_.found(); }

  // Reads a body of a known, small length to its end, so that its new length is known too: not
  // every server takes a body without one. To be awaited before the first Read().
  http::Task<Result<void>> Prepare();

  http::Task<Result<size_t>> Read(std::span<char> buffer) override;
  std::optional<uint64_t> length() const override;
  const http::Headers* trailers() const override { return inner_.trailers(); }

 private:
  http::Task<Result<void>> Fill();

  http::BodyReader& inner_;
  TextReplacer replacer_;
  std::string ready_;
  size_t taken_ = 0;
  bool ended_ = false;
  bool whole_ = false;  // ready_ is all of it
};

}  // namespace cove::gateway
