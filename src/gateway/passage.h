// What a connection was allowed to carry, as the audit has it: one decision on record for each
// request, or on plain HTTP for a run of them to one host. Thread: loop-confined.
#pragma once

#include <unordered_set>

#include "gateway/client_stream.h"
#include "gateway/http_judge.h"
#include "gateway/ledger.h"

namespace cove::gateway {

class Passage;

// All of one connection. Box, judge and counters must outlive it, and it its passages.
class Passages {
 public:
  // `counters`: what the connection's own bytes are counted on. `held` outlives it, too.
  Passages(Box& box, const HttpJudge& judge, const Counters& counters, HeldConnections& held)
      : box_(box), judge_(judge), counters_(counters), held_(held) {}
  Passages(const Passages&) = delete;

  // How many requests the client's connection carries at a time.
  enum class Streams { kOne, kMany };
  struct Opened {
    std::shared_ptr<Passage> passage;  // null: refused, `why` is a limit, or the audit's failure
    policy::Reason why = policy::Reason::kAllowed;
  };
  // Once the decision is on record. `secrets`: the names of those that the request has.
  Task<Opened> Open(Verdict verdict, const std::vector<std::string>& secrets, Streams streams,
                    Route::Protocol protocol);
  // Notes those that the policy would not allow any more; whether there is one.
  bool NoteRevoked();
  // Notes that as the end of all.
  void NoteAllRevoked();
  void EndRun() { run_.reset(); }

 private:
  friend class Passage;
  Box& box_;
  const HttpJudge& judge_;
  const Counters& counters_;
  HeldConnections& held_;
  Counters settled_;
  std::unordered_set<Passage*> open_;
  std::shared_ptr<Passage> run_;  // plain HTTP: of the requests to one host
};

// An allowed request under way, or a run of them. The closing record is written when this goes.
class Passage {
 public:
  Passage(Passages& all, Verdict verdict, Passages::Streams streams);
  ~Passage();
  Passage(const Passage&) = delete;

  const Verdict& verdict() const { return verdict_; }  // the last one
  Ledger& ledger() { return ledger_; }
  // Bytes of this request; a connection with one at a time counts its own.
  void AddBytes(uint64_t out, uint64_t in) {
    if (streams_ == Passages::Streams::kMany) ledger_.AddBytes(out, in);
  }

 private:
  friend class Passages;
  Passages& all_;
  Verdict verdict_;
  const Passages::Streams streams_;
  Ledger ledger_;
};

}  // namespace cove::gateway
