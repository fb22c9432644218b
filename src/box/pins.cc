#include "box/pins.h"

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

Result<void> Pin(const Tree& pins, const Pinned& file) {
  return pins.Write(HashOf(file.key), HashOf(file.text) + "\n", 0600);
}

Result<void> AskUnlessPinned(const Tree& pins, const Pinned& file, const Consent& consent) {
  const std::string hash = HashOf(file.text);
  const auto pinned = pins.Read(HashOf(file.key));
  if (pinned && Trim(*pinned) == hash) return Ok();
  const char* what = pinned ? "has changed since it was approved" : "was never approved";
  RETURN_IF_ERROR(
      consent.Ask(file.path + " " + what + "; the agent can write there (SHA-256 " + hash + ").",
                  "Proceed and " + file.use + "?", file.use + ": " + file.path + " " + what));
  return Pin(pins, file);
}

}  // namespace cove::box
