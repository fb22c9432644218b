// Metrics of the model gateway, in the text form that Prometheus reads.
//
// No label has values that a client can choose: providers and codes are from the configuration and
// from this program, and a model is named only if the price table knows it ("other" else).
// Source: Prometheus exposition formats, text version 0.0.4.
// Thread: loop-confined.
#pragma once

#include <array>
#include <map>
#include <string>

#include "bridge/call_log.h"

namespace cove::bridge {

class Histogram {
 public:
  void Add(double seconds);
  // The lines of one series: `name` with `labels` ('provider="openai"').
  void Write(std::string& out, const std::string& name, const std::string& labels) const;

 private:
  static constexpr std::array<double, 12> kBounds = {0.05, 0.1, 0.25, 0.5, 1,   2.5,
                                                     5,    10,  30,   60,  120, 300};
  std::array<uint64_t, kBounds.size()> buckets_{};
  uint64_t count_ = 0;
  double sum_ = 0;
};

class Metrics {
 public:
  // A call is under way from Entered() to Left().
  void Entered() { ++in_flight_; }
  void Left() { --in_flight_; }
  void Ended(const CallStart& start, const CallEnd& end, const Charge& charge);
  void Refused(const std::string& code) { ++refused_[code]; }

  std::string Text() const;

 private:
  struct Series {
    std::map<Outcome, uint64_t> calls;
    uint64_t unpriced = 0;
    std::array<int64_t, 6> tokens{};  // in the order of kTokenKinds
    int64_t web_searches = 0;
    Micros cost = 0;
  };
  struct ByProvider {
    Histogram first_byte;
    Histogram duration;
    uint64_t bytes_in = 0;
    uint64_t bytes_out = 0;
  };
  void WriteCalls(std::string& out) const;
  void WriteTokens(std::string& out) const;
  void WriteProviders(std::string& out) const;

  std::map<std::pair<std::string, std::string>, Series> series_;  // provider, model
  std::map<std::string, ByProvider> providers_;
  std::map<std::string, uint64_t> refused_;
  int64_t in_flight_ = 0;
};

}  // namespace cove::bridge
