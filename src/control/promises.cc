#include "control/promises.h"

#include "control/gib.h"

namespace cove::control {

void Promises::Count(const Sandbox& sandbox, int64_t sign) {
  sandboxes_ += sign;
  disk_bytes_ += sign * static_cast<int64_t>(BytesOf(sandbox.resources.disk_gib));
  // A stopped one keeps its files and no memory.
  if (sandbox.state == State::kStopped || sandbox.state == State::kError) return;
  memory_bytes_ += sign * static_cast<int64_t>(BytesOf(sandbox.resources.memory_gib));
}

void Promises::Add(const Sandbox& sandbox) { Count(sandbox, 1); }
void Promises::Drop(const Sandbox& sandbox) { Count(sandbox, -1); }

Promised Promises::now() const {
  Promised out;
  out.sandboxes = static_cast<size_t>(sandboxes_);
  out.memory_gib = GibOf(static_cast<uint64_t>(memory_bytes_));
  out.disk_gib = GibOf(static_cast<uint64_t>(disk_bytes_));
  return out;
}

}  // namespace cove::control
