#include "bridge/answer_facts.h"

#include <algorithm>

namespace cove::bridge {

std::string_view CutUtf8(std::string_view text, size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<uint8_t>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string_view AnswerFacts::Fit(size_t size, std::string_view text) {
  const size_t room = std::min(kTextBytesMax - std::min(size, kTextBytesMax), kBytesMax - bytes_);
  const std::string_view out = CutUtf8(text, room);
  cut = cut || out.size() < text.size();
  bytes_ += out.size();
  return out;
}

ToolCall* AnswerFacts::AddTool(ToolCall tool) {
  if (tools_.size() == kItemsMax) {
    cut = true;
    return nullptr;
  }
  const size_t kept = Fit(0, tool.input).size();
  tool.cut = tool.cut || kept < tool.input.size();
  tool.input.resize(kept);
  cut = cut || tool.cut;
  return &tools_.emplace_back(std::move(tool));
}

Thought* AnswerFacts::AddThought(Thought thought) {
  if (thoughts_.size() == kItemsMax) {
    cut = true;
    return nullptr;
  }
  thought.text.resize(Fit(0, thought.text).size());
  return &thoughts_.emplace_back(std::move(thought));
}

void AnswerFacts::AppendInput(size_t tool, std::string_view text) {
  ToolCall& to = tools_[tool];
  const std::string_view kept = to.cut ? std::string_view() : Fit(to.input.size(), text);
  to.cut = to.cut || kept.size() < text.size();
  to.input += kept;
}

void AnswerFacts::AppendThought(size_t thought, std::string_view text) {
  Thought& to = thoughts_[thought];
  to.text += Fit(to.text.size(), text);
}

}  // namespace cove::bridge
