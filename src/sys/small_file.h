// Small whole files of kernel file systems (/proc, /sys): read and written in one call.
// Thread-safe.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/unique_fd.h"

namespace cove::sys {

Result<UniqueFd> Open(const std::string& path, int flags, unsigned mode = 0);
Result<std::string> ReadFile(const std::string& path);
// From the beginning, also when it was read before. `name` is for the error.
Result<std::string> ReadOpenFile(int fd, const std::string& name);
// The number that is all of a file; 0 where it is another word ("max"), or the file is not there.
Result<uint64_t> ReadNumber(const std::string& path);
// The number after `name` in a text of lines "NAME NUMBER" or "NAME NUMBER kB", then in bytes; 0
// when there is none.
uint64_t CounterIn(std::string_view text, std::string_view name);
// One write(2); the file must be there.
Result<void> WriteFile(const std::string& path, std::string_view text);
// Nothing happens when it is not there: what the kernel may have been built without.
Result<void> WriteFileIfThere(const std::string& path, std::string_view text);
// An existing directory is no error; its mode is left alone then.
Result<void> MakeDir(const std::string& path, unsigned mode);
// An executable memory file with the bytes of `path`, sealed against every change. Nobody without
// privilege on the host can read it, not even a process that runs it.
Result<UniqueFd> SealedExecutable(const std::string& path);
// A sealed memory file with `bytes`.
Result<UniqueFd> SealedBytes(const std::string& name, std::string_view bytes);
// Another open file of the same memory file, read-only, with an offset of its own.
Result<UniqueFd> Reopen(int fd);

}  // namespace cove::sys
