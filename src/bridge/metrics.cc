#include "bridge/metrics.h"

#include <fmt/format.h>

namespace cove::bridge {
namespace {

constexpr std::array<std::string_view, 6> kTokenKinds = {"input",  "cached",    "cache_write",
                                                         "output", "reasoning", "cache_write_1h"};
constexpr double kMicrosPerDollar = 1e6;

void Head(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", name, help, name, type);
}

double Seconds(microseconds time) { return std::chrono::duration<double>(time).count(); }

// Names of providers and models are of [a-z0-9.-] but for those an operator writes into a price.
std::string Quoted(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string Labels(const std::pair<std::string, std::string>& of) {
  return fmt::format("provider=\"{}\",model=\"{}\"", Quoted(of.first), Quoted(of.second));
}

}  // namespace

void Histogram::Add(double seconds) {
  for (size_t i = 0; i < kBounds.size(); ++i) {
    if (seconds <= kBounds[i]) ++buckets_[i];
  }
  ++count_;
  sum_ += seconds;
}

void Histogram::Write(std::string& out, const std::string& name, const std::string& labels) const {
  for (size_t i = 0; i < kBounds.size(); ++i) {
    out += fmt::format("{}_bucket{{{},le=\"{}\"}} {}\n", name, labels, kBounds[i], buckets_[i]);
  }
  out += fmt::format("{}_bucket{{{},le=\"+Inf\"}} {}\n", name, labels, count_);
  out += fmt::format("{}_sum{{{}}} {}\n", name, labels, sum_);
  out += fmt::format("{}_count{{{}}} {}\n", name, labels, count_);
}

void Metrics::Ended(const CallStart& start, const CallEnd& end, const Charge& charge) {
  const std::string model = charge.price ? charge.price->model : "other";
  Series& series = series_[{start.provider, model}];
  ++series.calls[end.outcome];
  if (charge.basis == CostBasis::kUnpriced) {
    ++series.unpriced;
  } else {
    series.cost += charge.cost;
  }
  const Usage& u = end.usage;
  const std::array<int64_t, 6> tokens = {u.input,  u.cached,    u.cache_write,
                                         u.output, u.reasoning, u.cache_write_1h};
  for (size_t i = 0; i < tokens.size(); ++i) series.tokens[i] += tokens[i];
  series.web_searches += u.web_searches;
  ByProvider& provider = providers_[start.provider];
  if (end.first_byte) provider.first_byte.Add(Seconds(*end.first_byte));
  provider.duration.Add(Seconds(end.duration));
  provider.bytes_out += start.request_bytes;
  provider.bytes_in += end.response_bytes;
}

void Metrics::WriteCalls(std::string& out) const {
  Head(out, "cove_ai_calls_total", "counter", "Model calls that have ended, by how.");
  for (const auto& [of, series] : series_) {
    for (const auto& [outcome, n] : series.calls) {
      out += fmt::format("cove_ai_calls_total{{{},outcome=\"{}\"}} {}\n", Labels(of),
                         OutcomeName(outcome), n);
    }
  }
  Head(out, "cove_ai_calls_in_flight", "gauge", "Model calls under way.");
  out += fmt::format("cove_ai_calls_in_flight {}\n", in_flight_);
  Head(out, "cove_ai_refused_total", "counter", "Model calls that Cove did not make, by why.");
  for (const auto& [code, n] : refused_) {
    out += fmt::format("cove_ai_refused_total{{reason=\"{}\"}} {}\n", code, n);
  }
  Head(out, "cove_ai_unpriced_calls_total", "counter", "Model calls whose cost is not known.");
  for (const auto& [of, series] : series_) {
    if (series.unpriced == 0) continue;
    out += fmt::format("cove_ai_unpriced_calls_total{{{}}} {}\n", Labels(of), series.unpriced);
  }
}

void Metrics::WriteTokens(std::string& out) const {
  Head(out, "cove_ai_tokens_total", "counter",
       "Tokens; input is without cached, output includes reasoning, cache_write cache_write_1h.");
  for (const auto& [of, series] : series_) {
    for (size_t i = 0; i < kTokenKinds.size(); ++i) {
      out += fmt::format("cove_ai_tokens_total{{{},kind=\"{}\"}} {}\n", Labels(of), kTokenKinds[i],
                         series.tokens[i]);
    }
  }
  Head(out, "cove_ai_web_searches_total", "counter", "Web searches that providers charged.");
  for (const auto& [of, series] : series_) {
    if (series.web_searches == 0) continue;
    out += fmt::format("cove_ai_web_searches_total{{{}}} {}\n", Labels(of), series.web_searches);
  }
  Head(out, "cove_ai_cost_usd_total", "counter", "Cost of the model calls that are priced.");
  for (const auto& [of, series] : series_) {
    out += fmt::format("cove_ai_cost_usd_total{{{}}} {:.6f}\n", Labels(of),
                       static_cast<double>(series.cost) / kMicrosPerDollar);
  }
}

void Metrics::WriteProviders(std::string& out) const {
  Head(out, "cove_ai_first_byte_seconds", "histogram",
       "From sending a call to the first byte of its answer.");
  for (const auto& [name, p] : providers_) {
    p.first_byte.Write(out, "cove_ai_first_byte_seconds", "provider=\"" + Quoted(name) + "\"");
  }
  Head(out, "cove_ai_call_seconds", "histogram", "From sending a call to its end.");
  for (const auto& [name, p] : providers_) {
    p.duration.Write(out, "cove_ai_call_seconds", "provider=\"" + Quoted(name) + "\"");
  }
  Head(out, "cove_ai_bytes_total", "counter", "Bytes of bodies sent to and got from providers.");
  for (const auto& [name, p] : providers_) {
    out += fmt::format("cove_ai_bytes_total{{provider=\"{}\",direction=\"sent\"}} {}\n",
                       Quoted(name), p.bytes_out);
    out += fmt::format("cove_ai_bytes_total{{provider=\"{}\",direction=\"received\"}} {}\n",
                       Quoted(name), p.bytes_in);
  }
}

std::string Metrics::Text() const {
  std::string out;
  WriteCalls(out);
  WriteTokens(out);
  WriteProviders(out);
  return out;
}

}  // namespace cove::bridge
