// multipart/form-data (RFC 7578, RFC 2046 section 5.1): a streaming parser that takes any cut of
// the bytes, and the pieces for writing one. Memory is bounded: data comes through in views, only
// a part's header is kept. Names and file names are what the sender says: never use one as a path
// unchecked. Thread: values without sharing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::codec {

// The boundary of a Content-Type header; kInvalid when it is not multipart/form-data with one.
Result<std::string> MultipartBoundary(std::string_view content_type);

struct MultipartPart {
  std::string name;
  bool has_filename = false;
  std::string filename;
  std::string content_type;
};

class MultipartParser {
 public:
  enum class Event {
    kNeedMore,  // *in is used up
    kPart,      // a part begins: part()
    kData,      // some of its content: data()
    kPartEnd,
    kEnd,  // the closing boundary; what may follow is dropped
  };
  explicit MultipartParser(std::string_view boundary, size_t parts_max = 1000);

  // Takes bytes from the front of *in. kTooLarge: a part's header, or the number of parts, is over
  // the limit. After kEnd only kEnd follows. A body that ends before kEnd was cut.
  Result<Event> Next(std::string_view* in);
  const MultipartPart& part() const { return part_; }
  // Until the next call, and no longer than the input stays: it may be a part of that.
  std::string_view data() const { return data_; }

 private:
  enum class State { kPreamble, kDelimiter, kHeader, kContent, kEnded };
  std::string_view Pending() const { return std::string_view(buffer_).substr(used_); }
  Result<Event> Step(bool* progress);
  Result<Event> TakeDelimiterEnd(bool* progress);
  Result<Event> TakeHeader(bool* progress);
  Result<Event> TakeContent(bool* progress);
  bool TakeContentUncopied(std::string_view* in);
  size_t ContentSize(std::string_view text, size_t delimiter_at) const;
  Result<void> ParseHeader(std::string_view text);

  std::string delimiter_;  // CRLF "--" boundary
  size_t parts_max_;
  size_t parts_ = 0;
  State state_ = State::kPreamble;
  std::string buffer_;
  size_t used_ = 0;
  MultipartPart part_;
  std::string_view data_;
};

// The pieces of a form: PartHead() before each part's content, End() once at the end.
class MultipartWriter {
 public:
  MultipartWriter();
  std::string ContentType() const { return "multipart/form-data; boundary=" + boundary_; }
  // An empty `filename` makes an ordinary field.
  std::string PartHead(std::string_view name, std::string_view filename = {},
                       std::string_view content_type = {});
  std::string End() const { return (first_ ? "--" : "\r\n--") + boundary_ + "--\r\n"; }

 private:
  std::string boundary_;
  bool first_ = true;
};

}  // namespace cove::codec
