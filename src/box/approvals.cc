#include "box/approvals.h"

#include "base/text.h"
#include "image/sha256.h"

namespace cove::box {
namespace {

std::string HashOf(std::string_view text) {
  image::Sha256 hash;
  hash.Update(text);
  return hash.Hex();
}

}  // namespace

Result<void> Approvals::Need(const std::string& path, std::string_view text, const Use& use) const {
  const auto pinned = pins_.Read(HashOf(path));
  if (pinned && Trim(*pinned) == HashOf(text)) return Ok();
  const std::string state = pinned ? "has changed since it was approved" : "was never approved";
  const std::string more = use.more.empty() ? "" : " " + use.more;
  RETURN_IF_ERROR(consent_.Ask(
      path + " " + state + "; the agent can write there (SHA-256 " + HashOf(text) + ")." + more,
      use.question, use.verb + " " + path + ", which " + state));
  return Give(path, text);
}

Result<void> Approvals::Give(const std::string& path, std::string_view text) const {
  return pins_.Write(HashOf(path), HashOf(text) + "\n", 0600);
}

}  // namespace cove::box
