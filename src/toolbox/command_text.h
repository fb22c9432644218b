// CommandText: what a session's command says, whole until its shell can read it, and then as much
// of it as people are shown. Both are bounded in all: commands are many, and a text may have a MiB.
// Thread: loop-confined.
#pragma once

#include <string>
#include <string_view>

#include "proto/toolbox.h"

namespace cove::toolbox {

// The first `max` bytes of a longer text, and a mark.
std::string CutText(std::string_view text, size_t max);

class CommandText {
 public:
  static constexpr size_t kWaitingMax = 16 << 20;  // of all that are still whole
  static constexpr size_t kShownMax = 16 << 10;    // of one
  static constexpr size_t kShownOfAllMax = 16 << 20;
  static constexpr size_t kShownLeast = 128;  // of one when all have that much

  // kExhausted: too much waits already.
  static Result<void> CheckRoom(size_t bytes);

  // `shown`: what is shown of it; counted for as long as this lives.
  CommandText(std::string text, std::string* shown);
  ~CommandText();
  CommandText(const CommandText&) = delete;
  CommandText& operator=(const CommandText&) = delete;

  const std::string& whole() const { return whole_; }
  // The whole of it is not needed any more.
  void Drop();

 private:
  static inline size_t waiting_of_all_ = 0;
  static inline size_t shown_of_all_ = 0;
  std::string whole_;
  size_t shown_bytes_;
};

// Cuts what is shown so that an answer with all of them is one frame, if there are not thousands.
void FitTexts(proto::toolbox::SessionList* list);

}  // namespace cove::toolbox
