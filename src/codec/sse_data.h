// SseData: the data of server-sent events as it comes, without holding an event.
// For readers of long streams; SseParser gives whole events. Source: HTML living standard,
// section 9.2.6. Lines end with LF, CRLF or CR. A reader who wants the event that the stream's end
// left open gives "\n\n" then. Memory: a few bytes. Thread: a value, no I/O.
#pragma once

#include <cstdint>
#include <string_view>

namespace cove::codec {

class SseData {
 public:
  enum class What {
    kNothing,  // nothing to show
    kData,     // a piece of the event's data: `data`
    kEnd,      // the event is complete, its blank line was taken; only where it had data
    kBlank,    // a blank line that ends no event with data
    kLineEnd,  // the LF of a CRLF whose CR was taken before
  };
  struct Step {
    size_t used = 0;
    What what = What::kNothing;
    std::string_view data;  // a part of `bytes`, or the LF between two data lines
  };
  // Takes at least one byte from the front. REQUIRES: !bytes.empty().
  Step Next(std::string_view bytes);

 private:
  enum class State : uint8_t { kStart, kName, kSpace, kData, kSkip };
  Step LineEnd(std::string_view bytes);
  Step AtName(std::string_view bytes);

  State state_ = State::kStart;
  bool has_data_ = false;
  bool after_cr_ = false;
  bool first_ = true;    // of the stream: a byte order mark may stand here
  uint8_t matched_ = 0;  // bytes of "data" (or of the mark)
  bool in_mark_ = false;
};

}  // namespace cove::codec
