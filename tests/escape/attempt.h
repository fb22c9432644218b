// What an attempt is, and how it says what happened. The program runs inside a sandbox; every
// attempt runs in a process of its own, so it may unshare, crash or be killed.
#pragma once

#include <span>
#include <string>

namespace cove::escape {

enum class Verdict {
  kHeld,     // the safe outcome
  kEscaped,  // what must not work worked
  kBroken,   // the attempt itself, or its allowed twin, did not work: nothing is shown
};

struct Outcome {
  Verdict verdict = Verdict::kHeld;
  std::string detail;
};

struct Attempt {
  const char* name;
  const char* safe;  // the expected outcome, for people
  Outcome (*run)();
};

// Collects the steps of an attempt. The worst one decides.
class Tries {
 public:
  // A call that has to fail. `rc` is what it gave; errno is read.
  void Fails(const std::string& what, long rc);
  // A call that has to fail in just this way.
  void FailsWith(const std::string& what, long rc, int error);
  // Opening has to fail; what opens is closed.
  void CannotOpen(const std::string& path, int flags);
  void CannotWrite(const std::string& path, const std::string& text);
  // The allowed twin.
  void Works(const std::string& what, long rc);
  void Holds(const std::string& what, bool safe);
  Outcome End() const { return worst_; }

 private:
  void Note(Verdict verdict, const std::string& detail);
  Outcome worst_;
};

// Enters a user namespace of our own with `flags` (CLONE_NEW…) besides, as its root. False: there
// is no such thing here, which the strict profile promises (and which is then an outcome of its
// own).
bool EnterNested(int flags);
std::string ReadText(const std::string& path);
// From the environment, which the test sets; empty: none.
std::string Given(const char* name);
bool IsRoot();

std::span<const Attempt> KernelAttempts();
std::span<const Attempt> SocketAttempts();
std::span<const Attempt> AbiAttempts();
std::span<const Attempt> NamespaceAttempts();
std::span<const Attempt> MountAttempts();
std::span<const Attempt> ProcAttempts();
std::span<const Attempt> ToolboxAttempts();
std::span<const Attempt> IdentityAttempts();
std::span<const Attempt> FileAttempts();
std::span<const Attempt> CgroupAttempts();
std::span<const Attempt> NetworkAttempts();
std::span<const Attempt> NeighbourAttempts();
std::span<const Attempt> ExhaustionAttempts();

// Takes all it gets of one resource, prints "held N", and keeps it until standard input ends.
int Hold(const std::string& resource);
// Attacks every process of the toolbox that appears, until `seconds` are over; 1: one gave in.
int Hunt(int seconds);

}  // namespace cove::escape
