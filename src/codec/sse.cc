#include "codec/sse.h"

#include <utility>

namespace cove::codec {

void SseParser::Feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (after_cr_) {
      after_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const size_t end = bytes.find_first_of("\r\n");
    Append(bytes.substr(0, end));
    if (end == std::string_view::npos) return;
    after_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    OnLine();
  }
}

void SseParser::End() {
  after_cr_ = false;
  if (!line_.empty()) OnLine();
  Dispatch();
}

void SseParser::Append(std::string_view bytes) {
  if (line_.size() + data_.size() + bytes.size() > event_bytes_max_) {
    too_large_ = true;
    line_.clear();
    line_.shrink_to_fit();
    data_.clear();
  }
  // Of a line that is too large only the fact counts that it is not blank.
  if (too_large_) {
    if (line_.empty() && !bytes.empty()) line_ = ":";
    return;
  }
  line_ += bytes;
}

void SseParser::OnLine() {
  std::string_view line = line_;
  if (std::exchange(at_start_, false) && line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
  if (line.empty()) {
    Dispatch();
  } else if (line.front() != ':') {
    const size_t colon = line.find(':');
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    OnField(line.substr(0, colon), value);
  }
  line_.clear();
}

void SseParser::OnField(std::string_view name, std::string_view value) {
  if (name == "data") {
    if (has_data_) data_ += '\n';
    data_ += value;
    has_data_ = true;
  } else if (name == "event") {
    type_ = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    id_ = value;
  }
}

void SseParser::Dispatch() {
  if (too_large_) {
    ++skipped_;
  } else if (has_data_) {
    on_event_(SseEvent{type_, data_, id_});
  }
  too_large_ = false;
  has_data_ = false;
  type_.clear();
  data_.clear();
}

}  // namespace cove::codec
