#include "control/promises.h"

#include <cmath>

namespace cove::control {
namespace {

constexpr double kGib = 1024.0 * 1024 * 1024;

}  // namespace

void Promises::Count(const Sandbox& sandbox, int64_t sign) {
  sandboxes_ += sign;
  disk_bytes_ += sign * std::llround(sandbox.resources.disk_gib * kGib);
  // A stopped one keeps its files and no memory.
  if (sandbox.state == State::kStopped || sandbox.state == State::kError) return;
  memory_bytes_ += sign * std::llround(sandbox.resources.memory_gib * kGib);
}

void Promises::Add(const Sandbox& sandbox) { Count(sandbox, 1); }
void Promises::Drop(const Sandbox& sandbox) { Count(sandbox, -1); }

Promised Promises::now() const {
  Promised out;
  out.sandboxes = static_cast<size_t>(sandboxes_);
  out.memory_gib = static_cast<double>(memory_bytes_) / kGib;
  out.disk_gib = static_cast<double>(disk_bytes_) / kGib;
  return out;
}

}  // namespace cove::control
