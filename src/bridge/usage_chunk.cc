#include "bridge/usage_chunk.h"

#include "json/json.h"

namespace cove::bridge {

std::string_view UsageChunkFilter::Feed(std::string_view bytes) {
  using What = codec::SseData::What;
  out_.clear();
  while (!bytes.empty()) {
    const codec::SseData::Step step = sse_.Next(bytes);
    const std::string_view raw = bytes.substr(0, step.used);
    bytes.remove_prefix(step.used);
    // The rest of the line end of an event that is gone goes with it.
    if (step.what == What::kLineEnd && event_.empty() && dropped_) continue;
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
    event_.clear();
    data_.clear();
  }
  return out_;
}

std::string_view UsageChunkFilter::Finish() {
  out_ = std::move(event_);
  return out_;
}

bool UsageChunkFilter::IsUsageChunk() const {
  if (data_.find("\"usage\"") == std::string::npos) return false;
  const auto chunk = json::ParseObject(data_);
  if (!chunk) return false;
  const json::Array* choices = json::GetArray(*chunk, "choices");
  return choices != nullptr && choices->empty() && json::GetObject(*chunk, "usage") != nullptr;
}

}  // namespace cove::bridge
