#include "bridge/usage_chunk.h"

#include <utility>

#include "json/json.h"

namespace cove::bridge {

std::string_view UsageChunkFilter::Feed(std::string_view bytes) {
  using What = codec::SseData::What;
  out_.clear();
  while (!bytes.empty()) {
    const codec::SseData::Step step = sse_.Next(bytes);
    const std::string_view raw = bytes.substr(0, step.used);
    bytes.remove_prefix(step.used);
    // The rest of a line end goes the way that its event went.
    if (step.what == What::kLineEnd && event_.empty()) {
      if (!std::exchange(dropped_, false)) out_ += raw;
      continue;
    }
    dropped_ = false;
    if (passing_) {
      out_ += raw;
    } else {
      event_ += raw;
      if (step.what == What::kData) data_ += step.data;
    }
    const bool ends = step.what == What::kEnd || step.what == What::kBlank;
    if (!ends && event_.size() <= kEventBytesMax) continue;
    dropped_ = step.what == What::kEnd && !passing_ && IsUsageChunk();
    if (!dropped_) out_ += event_;
    passing_ = !ends;
    Forget();
  }
  return out_;
}

// Streams are many: none keeps the room of its largest event.
void UsageChunkFilter::Forget() {
  for (std::string* text : {&event_, &data_}) {
    if (text->capacity() > kKeptBytes) *text = std::string();
    text->clear();
  }
}

std::string_view UsageChunkFilter::Finish() {
  out_ = IsUsageChunk() ? std::string() : std::move(event_);
  Forget();
  return out_;
}

bool UsageChunkFilter::IsUsageChunk() const {
  if (data_.find("\"usage\"") == std::string::npos) return false;
  const auto chunk = json::ParseObject(data_);
  if (!chunk) return false;
  const json::Value* choices = json::Find(*chunk, "choices");
  const json::Array* list = choices == nullptr ? nullptr : choices->if_array();
  const bool none = choices == nullptr || choices->is_null() || (list != nullptr && list->empty());
  return none && json::GetObject(*chunk, "usage") != nullptr;
}

}  // namespace cove::bridge
