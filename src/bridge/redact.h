// Redact() takes out of a text what looks like a secret, so that a book of prompts is not a book of
// keys. It knows secrets by their form, so it finds most and proves nothing: who must be sure keeps
// no texts (ai.texts = "none"). Thread: pure function.
#pragma once

#include <string>
#include <string_view>

namespace cove::bridge {

inline constexpr std::string_view kRedacted = "[redacted]";

// Replaced: keys with the known beginnings of their makers, JSON Web Tokens, private keys in PEM,
// the password in a URL and in "-u name:password", cookies, what follows "Bearer" and "Basic", the
// value given to a name or an option that says password, secret, token or key (of "key" alone only
// what looks like one), in quotes to their end; and long words that mix cases and digits as random
// ones do, AWS's secret keys among them.
std::string Redact(std::string_view text);

}  // namespace cove::bridge
