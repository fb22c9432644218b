// SseParser: server-sent events out of bytes, in pieces of any size.
// Source: HTML living standard, section 9.2.6 ("Interpreting an event stream").
//
// Lines end with LF, CRLF or CR; several data lines are joined by LF; an event is complete at its
// blank line. An event whose data is over the limit is skipped, and parsing goes on with the next.
// What is left without a blank line at the end of the stream is no event (End() shows it anyway,
// for readers who would rather have it). Thread: loop-confined, no I/O.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace cove::codec {

struct SseEvent {
  std::string_view type;  // empty: "message"
  std::string_view data;
  std::string_view id;
};

class SseParser {
 public:
  // The event's texts live until the function returns.
  using OnEvent = std::function<void(const SseEvent&)>;
  static constexpr size_t kEventBytesMax = 16 * 1024 * 1024;

  explicit SseParser(OnEvent on_event, size_t event_bytes_max = kEventBytesMax)
      : on_event_(std::move(on_event)), event_bytes_max_(event_bytes_max) {}
  void Feed(std::string_view bytes);
  void End();
  uint64_t skipped() const { return skipped_; }  // events over the limit

 private:
  void Append(std::string_view bytes);
  void OnLine();
  void OnField(std::string_view name, std::string_view value);
  void Dispatch();

  OnEvent on_event_;
  size_t event_bytes_max_;
  std::string line_;
  std::string type_;
  std::string data_;
  std::string id_;
  bool has_data_ = false;
  bool too_large_ = false;
  bool after_cr_ = false;
  bool at_start_ = true;
  uint64_t skipped_ = 0;
};

// One event as text. Line ends inside `data` become further data lines; an event name or id with a
// line end in it would forge fields, so the line ends are dropped.
std::string FormatSse(std::string_view event, std::string_view data, std::string_view id = {});
// A comment that keeps an idle connection open.
inline constexpr std::string_view kSseKeepAlive = ": keep-alive\n\n";

}  // namespace cove::codec
