// UsageReader reads what a call used out of a copy of its answer, while the answer passes.
//
// It takes an SSE stream (each event looked into by itself: one that is malformed or too large is
// skipped, and costs nothing but itself) or one JSON document. It never changes a byte and never
// fails: what cannot be read is simply not known.
// Sources: OpenAI's Responses and Chat Completions references, Anthropic's Messages reference.
// Thread: loop-confined, no I/O.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "bridge/routes.h"

namespace cove::bridge {

// Tokens. `input` is without what was cached; `output` includes reasoning.
struct Usage {
  bool known = false;
  int64_t input = 0;
  int64_t cached = 0;       // read from the provider's cache
  int64_t cache_write = 0;  // written to it (Anthropic)
  int64_t output = 0;
  int64_t reasoning = 0;
  bool operator==(const Usage&) const = default;
};

enum class AnswerForm { kSse, kJson, kOther };
AnswerForm FormOf(std::string_view content_type);

class UsageReader {
 public:
  UsageReader(Api api, AnswerForm form);
  ~UsageReader();
  void Feed(std::string_view bytes);
  // After the last byte: reads a JSON document, or an event that was not closed.
  void Finish();

  const Usage& usage() const { return usage_; }
  const std::string& response_id() const { return response_id_; }
  // The stream's own last event came: nothing is missing.
  bool complete() const { return complete_; }

 private:
  void OnDocument(std::string_view text);
  Api api_;
  AnswerForm form_;
  struct Parser;
  std::unique_ptr<Parser> parser_;
  std::string document_;
  bool too_large_ = false;
  Usage usage_;
  std::string response_id_;
  bool complete_ = false;
};

}  // namespace cove::bridge
