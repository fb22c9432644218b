// The two audit records of one thing that was allowed: the decision, durable before anything is
// dialled, and the closing record, written when this is destroyed, whatever the reason is that it
// ended, cancellation included. Thread: loop-confined. The audit must outlive it.
#pragma once

#include "gateway/deps.h"
#include "gateway/name_list.h"
#include "gateway/usage.h"
#include "net/stream.h"

namespace cove::gateway {

class Ledger {
 public:
  explicit Ledger(audit::Log& log) : log_(log) {}
  ~Ledger();
  Ledger(const Ledger&) = delete;

  // REQUIRES: called once. On an error nothing may be done and nothing more is recorded.
  Task<Result<void>> Open(audit::Record decision);

  // What it holds of the limits of its rules; take it before Open.
  Lease& lease() { return lease_; }
  void set_address(std::string address) { address_ = std::move(address); }
  void set_outcome(policy::Reason reason, std::string detail = {}) {
    outcome_ = reason;
    detail_ = std::move(detail);
  }
  policy::Reason outcome() const { return outcome_; }
  void AddBytes(uint64_t out, uint64_t in) {
    bytes_out_ += out;
    bytes_in_ += in;
  }
  void AddRequest() { ++requests_; }
  // The name of a secret that a request had; each is told once.
  void AddSecret(const std::string& name) { AddOnce(secrets_, name); }
  uint64_t decision() const { return decision_; }

 private:
  audit::Log& log_;
  Lease lease_;
  audit::Record record_;
  uint64_t decision_ = 0;
  TimePoint start_ = Now();
  policy::Reason outcome_ = policy::Reason::kAllowed;
  std::string detail_;
  std::string address_;
  std::vector<std::string> secrets_;
  uint64_t bytes_out_ = 0;
  uint64_t bytes_in_ = 0;
  uint64_t requests_ = 0;
};

}  // namespace cove::gateway
