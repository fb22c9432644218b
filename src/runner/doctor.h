// `cove doctor`: what this machine offers, what Cove makes of it and why. Changes nothing, needs no
// server; but where one runs, what it says of itself stands in place of what it looks like from
// here. Exit code 0: `cove serve` would start; 1: it would refuse, and the problems say what to do;
// 2: wrong usage. Thread: one.
#pragma once

#include <string>
#include <vector>

#include "proto/room.h"
#include "runner/disk.h"

namespace cove::runner {

enum class Health : uint8_t {
  kGood,
  kReduced,  // works, with less than there could be
  kBad,      // `cove serve` refuses
};

struct Finding {
  std::string what;
  Health health = Health::kGood;
  std::string found;   // what there is, and what Cove uses
  std::string advice;  // what to do; empty when there is nothing to do
  template <class A>
  void Fields(A& a) {
    a(what, health, found, advice);
  }
};

std::vector<Finding> Examine(const std::string& data);
// What a server says of itself.
std::vector<Finding> ExamineSelf(const std::string& data, const DiskFacts& disk,
                                 const proto::Room& room, size_t boxes);

// One line each, or one JSON object {"ok":…,"findings":[…]}.
std::string AsText(const std::vector<Finding>& findings);
std::string AsJson(const std::vector<Finding>& findings);

int DoctorMain(const std::vector<std::string>& args);

}  // namespace cove::runner
