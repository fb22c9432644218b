// Keeps credentials that sit in a host's settings out of images. Pure functions.
#pragma once

#include <string>
#include <string_view>

namespace cove::image {

// Whether a line seems to hold a credential: a password, token or key setting, or a URL with user
// information in it. It errs towards yes.
bool HoldsSecret(std::string_view line);

// The text without such lines. What stands under a section's line that goes, "[…]", goes with it:
// alone it would belong to the section before.
std::string DropSecretLines(std::string_view text);

}  // namespace cove::image
