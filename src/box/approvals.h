// Approvals: files that decide what a box may do, but lie where the agent of an earlier one could
// write: the init hook, the list of domains, credentials.
//
// What lies there is never simply believed: the SHA-256 of what its owner approved is kept in
// `pins`, a directory of root's, for each path, and anything else is asked about. Who uses such a
// file has to use the very bytes that were compared, and to show them read-only in the box.
// Thread: any; calls block on the disk and the terminal.
#pragma once

#include "box/consent.h"
#include "box/tree.h"

namespace cove::box {

class Approvals {
 public:
  // Both must outlive it.
  Approvals(const Tree& pins, const Consent& consent) : pins_(pins), consent_(consent) {}

  struct Use {
    std::string verb;      // what is done with it: "run"
    std::string question;  // "Proceed and run it in the sandbox?"
    std::string more;      // what one ought to know of it, a sentence; plain ASCII
  };
  // Ok: these bytes are what was approved last for this path, or are approved now. Else kDenied.
  Result<void> Need(const std::string& path, std::string_view text, const Use& use) const;
  // Its owner has put them there.
  Result<void> Give(const std::string& path, std::string_view text) const;

 private:
  const Tree& pins_;
  const Consent& consent_;
};

}  // namespace cove::box
