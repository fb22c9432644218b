#include "bridge/spans.h"

#include <algorithm>
#include <iterator>

#include "async/timer.h"
#include "bridge/request_hash.h"
#include "json/json.h"
#include "log/log.h"

namespace cove::bridge {
namespace {

constexpr Duration kGather = milliseconds(500);  // so that calls share a request
constexpr Duration kAnswerTime = seconds(10);
constexpr Duration kRetry = seconds(5);
constexpr int kKindClient = 3;
constexpr int kStatusError = 2;
constexpr size_t kSpanIdDigits = 16;

class Attributes {
 public:
  void Text(std::string_view key, const std::string& value) {
    if (!value.empty()) Add(key, {{"stringValue", value}});
  }
  // OTLP's JSON has 64-bit numbers as text.
  void Number(std::string_view key, int64_t value) {
    Add(key, {{"intValue", std::to_string(value)}});
  }
  void Texts(std::string_view key, const std::vector<std::string>& values) {
    json::Array list;
    for (const std::string& value : values) list.push_back(json::Object{{"stringValue", value}});
    Add(key, {{"arrayValue", json::Object{{"values", std::move(list)}}}});
  }
  json::Array Take() { return std::move(list_); }

 private:
  void Add(std::string_view key, json::Object value) {
    list_.emplace_back(json::Object{{"key", key}, {"value", std::move(value)}});
  }
  json::Array list_;
};

std::string Nanos(WallTime time) { return std::to_string(time.micros * 1000); }

// The conventions' own names of who makes the models, so far as the protocol tells.
std::string WellKnownName(ProviderKind kind) {
  return kind == ProviderKind::kBedrock ? "aws.bedrock" : std::string(KindName(kind));
}

json::Array AttributesOf(const Ended& call, const std::string& provider) {
  const CallStart& start = call.start;
  const CallEnd& end = call.end;
  const Usage& used = end.usage;
  Attributes out;
  out.Text("gen_ai.operation.name", "chat");
  out.Text("gen_ai.provider.name", provider);
  out.Text("gen_ai.request.model", start.model);
  if (start.ask.output_max) out.Number("gen_ai.request.max_tokens", *start.ask.output_max);
  out.Text("gen_ai.response.id", end.response_id);
  out.Text("gen_ai.response.model", call.answer_model);
  if (!call.stop.empty()) out.Texts("gen_ai.response.finish_reasons", {call.stop});
  out.Text("gen_ai.conversation.id", start.thread.empty() ? start.session : start.thread);
  if (used.known) {
    // By the conventions input is all of it, what the cache gave and took included.
    out.Number("gen_ai.usage.input_tokens", used.input + used.cached + used.cache_write);
    out.Number("gen_ai.usage.output_tokens", used.output);
    out.Number("gen_ai.usage.cache_read.input_tokens", used.cached);
    out.Number("gen_ai.usage.cache_creation.input_tokens", used.cache_write);
    // Of what the conventions have no name for, our own.
    out.Number("cove.usage.cache_write_1h_tokens", used.cache_write_1h);
    out.Number("cove.usage.web_searches", used.web_searches);
  }
  if (end.status > 0) out.Number("http.response.status_code", end.status);
  if (end.outcome == Outcome::kRejected) out.Text("error.type", std::to_string(end.status));
  if (end.outcome != Outcome::kRejected && end.outcome != Outcome::kCompleted) {
    out.Text("error.type", std::string(OutcomeName(end.outcome)));
  }
  out.Text("cove.outcome", std::string(OutcomeName(end.outcome)));
  out.Text("cove.api", start.api);
  out.Text("cove.provider", start.provider);
  out.Text("cove.sandbox.id", start.sandbox.value);
  out.Text("cove.template", start.template_name);
  out.Text("user.id", start.user);
  out.Text("cove.cost.basis", std::string(BasisName(call.charge.basis)));
  if (call.charge.basis != CostBasis::kUnpriced) {
    out.Number("cove.cost.micro_usd", call.charge.cost);
  }
  if (end.first_byte) out.Number("cove.first_byte_us", end.first_byte->count());
  return out.Take();
}

json::Object SpanOf(const Ended& call, const std::string& provider) {
  std::string trace = call.id;
  std::erase(trace, '-');
  json::Object out;
  out["traceId"] = trace;
  out["spanId"] = trace.substr(trace.size() - std::min(trace.size(), kSpanIdDigits));
  out["name"] = "chat " + call.start.model;
  out["kind"] = kKindClient;
  out["startTimeUnixNano"] = Nanos(call.started_at);
  out["endTimeUnixNano"] = Nanos(call.ended_at);
  out["attributes"] = AttributesOf(call, provider);
  if (call.end.outcome != Outcome::kCompleted) {
    out["status"] = json::Object{{"code", kStatusError}};
  }
  return out;
}

std::string RequestBody(json::Array spans) {
  Attributes resource;
  resource.Text("service.name", "cove");
  resource.Text("service.version", COVE_VERSION);
  json::Object scope_spans;
  scope_spans["scope"] = json::Object{{"name", "cove.bridge"}, {"version", COVE_VERSION}};
  scope_spans["spans"] = std::move(spans);
  json::Object resource_spans;
  resource_spans["resource"] = json::Object{{"attributes", resource.Take()}};
  resource_spans["scopeSpans"] = json::Array{std::move(scope_spans)};
  return json::Write(json::Object{{"resourceSpans", json::Array{std::move(resource_spans)}}});
}

}  // namespace

Result<http::Url> CollectorUrl(const std::string& text) {
  ASSIGN_OR_RETURN(http::Url url, http::Url::Parse(text));
  if (url.scheme != "http" && url.scheme != "https") {
    return Error(Code::kInvalid, "a collector is at an http or https URL");
  }
  if (url.target.empty() || url.target == "/") url.target = "/v1/traces";
  return url;
}

Spans::Spans(async::ThreadPool& resolver_pool, http::Url collector,
             const std::vector<Provider>& providers)
    : client_(resolver_pool), collector_(std::move(collector)) {
  for (const Provider& provider : providers) kinds_[provider.name] = provider.kind;
}

void Spans::Add(const Ended& call) {
  if (queue_.size() >= kQueueMax) {
    queue_.pop_front();
    ++dropped_;
  }
  // One that is not known was never asked: a path that leads nowhere.
  const auto kind = kinds_.find(call.start.provider);
  const std::string provider =
      kind == kinds_.end() ? call.start.provider : WellKnownName(kind->second);
  queue_.push_back(SpanOf(call, provider));
  added_.Set();
}

// The status of its answer.
Task<Result<int>> Spans::Post(std::string body, TimePoint deadline) {
  http::ClientRequest request;
  request.method = "POST";
  request.url = collector_;
  request.headers.Add("Content-Type", "application/json");
  request.body = std::move(body);
  request.head_deadline = std::min(deadline, Now() + kAnswerTime);
  CO_ASSIGN_OR_RETURN(const auto response, co_await client_.Send(std::move(request)));
  co_return response->head().status;
}

Task<bool> Spans::SendSome(TimePoint deadline) {
  const auto end = queue_.begin() + static_cast<long>(std::min(queue_.size(), kBatchMax));
  std::vector<json::Object> batch(std::move_iterator(queue_.begin()), std::move_iterator(end));
  queue_.erase(queue_.begin(), end);
  struct UnderWay {
    Spans& spans;
    size_t size;
    UnderWay(Spans& s, size_t n) : spans(s), size(n) { spans.under_way_ += size; }
    ~UnderWay() {
      spans.under_way_ -= size;
      spans.settled_.NotifyAll();
    }
  } const under_way(*this, batch.size());
  const auto answered =
      co_await Post(RequestBody(json::Array(batch.begin(), batch.end())), deadline);
  const int status = answered.ok() ? *answered : 0;
  const bool taken = status >= 200 && status < 300;
  if (!taken && !std::exchange(told_, true)) {
    log::Warn("otel.not_sent", {{"collector", collector_.HostHeader()},
                                {"status", status},
                                {"error", answered ? "" : answered.error().message()}});
  }
  if (taken) told_ = false;
  if (taken) co_return true;
  // A collector that refuses these spans would refuse them again: 4xx but 429 ends the matter.
  if (status >= 400 && status < 500 && status != 429) {
    dropped_ += batch.size();
    co_return true;
  }
  for (; !batch.empty(); batch.pop_back()) {
    if (queue_.size() < kQueueMax) {
      queue_.push_front(std::move(batch.back()));
    } else {
      ++dropped_;
    }
  }
  co_return false;
}

Task<void> Spans::Run() {
  for (;;) {
    co_await added_.Wait();
    co_await async::Sleep(kGather);
    while (!queue_.empty()) {
      if (!co_await SendSome(kNever)) co_await async::Sleep(kRetry);
    }
    added_.Reset();
  }
}

Task<void> Spans::Flush(TimePoint deadline) {
  bool takes = true;
  while (takes && waiting() > 0 && Now() < deadline) {
    if (queue_.empty()) {
      (void)co_await settled_.Wait(deadline);
    } else {
      takes = co_await SendSome(deadline);
    }
  }
  if (waiting() > 0) log::Warn("otel.spans_left", {{"spans", waiting()}});
}

}  // namespace cove::bridge
