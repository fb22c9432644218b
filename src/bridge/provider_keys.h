// How a provider's keys are written in variables and files. A file holds one: a line of text, or
// for AWS also what the programs of its `credential_process` print, which may say until when it
// holds. Source: "Sourcing credentials with an external process" in the reference of AWS's SDKs and
// tools.
#pragma once

#include "bridge/provider.h"

namespace cove::bridge {

// Whether it is of visible ASCII and not too long: it becomes a header's value, where anything else
// would be a forged header.
bool IsKey(std::string_view key);

// Adds the key that the text is; none for an empty one. kInvalid begins with `where`.
Result<void> AddKey(std::vector<ProviderKey>& keys, ProviderKind kind, std::string text,
                    const std::string& where);

struct FileKeys {
  std::vector<ProviderKey> keys;  // in the order of the files
  std::optional<Error> error;     // of the first file that gave none; begins with `where`
};
// Blocks. A file that cannot be read, is no key, or is empty where it had one in `former`, is an
// error; its key of those, if it had one, is among the keys.
FileKeys ReadKeyFiles(ProviderKind kind, const std::vector<std::string>& paths,
                      const std::string& where, const std::vector<ProviderKey>& former = {});

}  // namespace cove::bridge
