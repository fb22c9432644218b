// Credentials: what auth.json holds, cut in two: the secret, which stays outside and is added by
// the model gateway, and what Codex is shown inside. Pure.
#pragma once

#include <string>

#include "base/result.h"

namespace cove::box {

struct Credentials {
  std::string secret;    // what authorizes calls: an API key or ChatGPT's access token
  std::string account;   // of ChatGPT; empty: an API key
  std::string inside;    // the text of auth.json inside: it has the form and not the secret
  bool expired = false;  // ChatGPT's token is out of date
};

// kInvalid: it is none, or has neither a key nor tokens. `now`: seconds since 1970.
Result<Credentials> ReadCredentials(const std::string& text, int64_t now);

}  // namespace cove::box
