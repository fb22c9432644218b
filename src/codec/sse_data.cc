#include "codec/sse_data.h"

namespace cove::codec {

namespace {
constexpr std::string_view kField = "data";
constexpr std::string_view kMark = "\xef\xbb\xbf";
}  // namespace

SseData::Step SseData::Next(std::string_view bytes) {
  if (after_cr_) {
    after_cr_ = false;
    if (bytes.front() == '\n') return {1, What::kLineEnd, {}};
  }
  if (first_ || in_mark_) {
    first_ = false;
    if (bytes.front() == kMark[matched_]) {
      in_mark_ = ++matched_ != kMark.size();
      if (!in_mark_) matched_ = 0;
      return {1, What::kNothing, {}};
    }
    // Bytes of no mark are the beginning of a field that is not ours.
    if (in_mark_) state_ = State::kSkip;
    in_mark_ = false;
    matched_ = 0;
  }
  const char c = bytes.front();
  if (state_ == State::kStart || state_ == State::kName) return AtName(bytes);
  if (c == '\n' || c == '\r') return LineEnd(bytes);
  if (state_ == State::kSpace) {
    state_ = State::kData;
    if (c == ' ') return {1, What::kNothing, {}};
  }
  size_t end = 0;
  while (end != bytes.size() && bytes[end] != '\n' && bytes[end] != '\r') ++end;
  if (state_ == State::kSkip) return {end, What::kNothing, {}};
  return {end, What::kData, bytes.substr(0, end)};
}

SseData::Step SseData::AtName(std::string_view bytes) {
  const char c = bytes.front();
  const bool whole = matched_ == kField.size();
  const bool ends = c == '\n' || c == '\r';
  if (state_ == State::kStart && ends) return LineEnd(bytes);
  if (whole && (c == ':' || ends)) {
    // A second line of data: the two are joined by a line feed.
    Step out{1, What::kNothing, {}};
    if (has_data_) out = {1, What::kData, "\n"};
    has_data_ = true;
    matched_ = 0;
    state_ = State::kSpace;
    if (!ends) return out;
    const Step end = LineEnd(bytes);
    return {end.used, out.what, out.data};
  }
  if (ends) return LineEnd(bytes);
  if (!whole && c == kField[matched_]) {
    ++matched_;
    state_ = State::kName;
  } else {
    matched_ = 0;
    state_ = State::kSkip;
  }
  return {1, What::kNothing, {}};
}

SseData::Step SseData::LineEnd(std::string_view bytes) {
  size_t used = 1;
  after_cr_ = bytes[0] == '\r';
  if (after_cr_ && used < bytes.size() && bytes[used] == '\n') {
    after_cr_ = false;
    ++used;
  }
  const bool blank = state_ == State::kStart;
  state_ = State::kStart;
  matched_ = 0;
  if (!blank) return {used, What::kNothing, {}};
  const bool had = has_data_;
  has_data_ = false;
  return {used, had ? What::kEnd : What::kBlank, {}};
}

}  // namespace cove::codec
