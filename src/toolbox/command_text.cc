#include "toolbox/command_text.h"

#include <algorithm>

namespace cove::toolbox {
namespace {

constexpr std::string_view kMark = "\n[cove: cut here]";
// Of a frame; the rest is for what else is said of commands.
constexpr size_t kTextsOfAnswer = proto::kFrameBodyMax / 2;

}  // namespace

std::string CutText(std::string_view text, size_t max) {
  if (text.size() <= max + kMark.size()) return std::string(text);
  return std::string(text.substr(0, max)).append(kMark);
}

Result<void> CommandText::CheckRoom(size_t bytes) {
  if (waiting_of_all_ + bytes <= kWaitingMax) return Ok();
  return Error(Code::kExhausted, "the commands that wait in this sandbox's sessions have " +
                                     std::to_string(waiting_of_all_ >> 20) +
                                     " MiB of text: wait until some have begun");
}

CommandText::CommandText(std::string text, std::string* shown) : whole_(std::move(text)) {
  *shown = CutText(whole_, shown_of_all_ < kShownOfAllMax ? kShownMax : kShownLeast);
  shown_bytes_ = shown->size();
  waiting_of_all_ += whole_.size();
  shown_of_all_ += shown_bytes_;
}

CommandText::~CommandText() {
  Drop();
  shown_of_all_ -= shown_bytes_;
}

void CommandText::Drop() {
  waiting_of_all_ -= whole_.size();
  std::string().swap(whole_);
}

void FitTexts(proto::toolbox::SessionList* list) {
  size_t bytes = 0;
  size_t count = 0;
  for (const auto& session : list->sessions) {
    count += session.commands.size();
    for (const auto& command : session.commands) bytes += command.command.size();
  }
  if (bytes <= kTextsOfAnswer) return;
  for (auto& session : list->sessions) {
    for (auto& command : session.commands) {
      command.command = CutText(command.command, kTextsOfAnswer / count);
    }
  }
}

}  // namespace cove::toolbox
