// Traces: what an agent leaves in a project that this machine runs later, without being asked:
// git's hooks and configuration, the settings of editors, shells and agents. The project is the
// agent's to write, so most of it cannot be kept from that; but it can be told.
//
// Only the project's own top is looked at: a repository that lies deeper is none of these.
// Thread: values; calls block on the disk.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "box/tree.h"

namespace cove::box {

class Traces {
 public:
  static Traces Of(const Tree& project);
  // What is new, other or gone since then, in order, as people may see it on a terminal.
  std::vector<std::string> Since(const Traces& before) const;

 private:
  void LookAt(const Tree& tree, const std::string& name, const std::string& path, int depth);
  std::map<std::string, std::string> seen_;  // path in the project -> what is there
};

// Says them on standard error.
void WarnOf(const std::vector<std::string>& traces);

// Of those, what a box can be kept from writing: files and directories that are there and whose
// absence would not be noticed, each below a directory that must then not be moved away.
struct Guarded {
  std::string parent;  // in the project: ".git"
  std::vector<std::string> names;
};
std::vector<Guarded> GuardedOf(const Tree& project);

}  // namespace cove::box
