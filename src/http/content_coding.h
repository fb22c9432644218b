// Bodies that are compressed: gzip and zstd, decoded as they come, so that a copy can be read. The
// bytes themselves may pass as they are. Sources: RFC 1952, RFC 8878, RFC 9659 (a window of at most
// 8 MiB), RFC 9110 section 8.4. Thread: values, no I/O.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"
#include "http/message.h"

namespace cove::http {

enum class Coding { kNone, kGzip, kZstd, kOther };
// Of the Content-Encoding; several codings over each other are kOther.
Coding CodingOf(const Headers& headers);

class Decoder {
 public:
  // Gets decoded bytes; an error ends the decoding with it.
  using Sink = std::function<Result<void>(std::string_view)>;
  virtual ~Decoder() = default;
  // kInvalid: the bytes are not of this coding; no more may be fed.
  virtual Result<void> Feed(std::string_view bytes, const Sink& sink) = 0;
  // Whether the bytes so far end where a body may end.
  virtual bool whole() const = 0;
};
// REQUIRES: kGzip or kZstd.
std::unique_ptr<Decoder> MakeDecoder(Coding coding);

// kTooLarge when it would be more than `bytes_max`, kInvalid when it is broken or cut. REQUIRES:
// kGzip or kZstd.
Result<std::string> DecodeAll(Coding coding, std::string_view bytes, size_t bytes_max);

}  // namespace cove::http
