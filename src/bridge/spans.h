// Spans: each model call that has ended, told to an OpenTelemetry collector.
//
// OTLP over HTTP with JSON, attributes by the semantic conventions for generative AI. The trace's
// id is the call's. Spans wait in a queue of kQueueMax, from which a collector that does not answer
// loses the oldest: calls never wait for it.
// Sources: OTLP 1.x (opentelemetry-proto, JSON mapping), OpenTelemetry GenAI spans.
// Thread: loop-confined. The pool must outlive the object.
#pragma once

#include <deque>
#include <map>

#include "bridge/books.h"
#include "bridge/provider.h"
#include "http/client.h"
#include "json/json.h"

namespace cove::bridge {

// Where a collector listens: "http://host:4318", to which the usual path is added, or a whole URL.
Result<http::Url> CollectorUrl(const std::string& text);

class Spans {
 public:
  static constexpr size_t kQueueMax = 4096;
  static constexpr size_t kBatchMax = 256;

  // Of the providers their names and kinds are taken.
  Spans(async::ThreadPool& resolver_pool, http::Url collector,
        const std::vector<Provider>& providers);

  void Add(const Ended& call);
  // For ever: sends what is in the queue, soon after it came.
  Task<void> Run();
  // Sends what is in the queue and waits for what Run() is sending, or gives up at the deadline and
  // says in the log what is lost. For the end.
  Task<void> Flush(TimePoint deadline);

  size_t waiting() const { return queue_.size() + under_way_; }
  uint64_t dropped() const { return dropped_; }

 private:
  // One batch; false when the collector did not take it.
  Task<bool> SendSome(TimePoint deadline);
  Task<Result<int>> Post(std::string body, TimePoint deadline);

  http::Client client_;
  const http::Url collector_;
  std::map<std::string, ProviderKind> kinds_;  // by the provider's name
  std::deque<json::Object> queue_;
  async::Event added_;
  size_t under_way_ = 0;  // spans of batches that are being sent: in no queue
  async::Event settled_;  // notified when there are fewer of them
  uint64_t dropped_ = 0;
  bool told_ = false;  // that the collector does not answer
};

}  // namespace cove::bridge
