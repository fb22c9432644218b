#include "toolbox/accounts.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "proto/boot.h"
#include "toolbox/paths.h"

namespace cove::toolbox {
namespace {

constexpr size_t kFileMax = 1024 * 1024;
constexpr size_t kGroupsMax = 1024;

// Root inside may have put anything there: a FIFO must not stop us, nor a link lead to what we
// hold.
std::string ReadSmall(const std::string& path) {
  const UniqueFd fd(OpenFrom(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  struct stat info{};
  if (!fd || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return {};
  std::string text(std::min<size_t>(static_cast<size_t>(info.st_size), kFileMax), '\0');
  size_t have = 0;
  while (have < text.size()) {
    const ssize_t n = read(fd.get(), text.data() + have, text.size() - have);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    have += static_cast<size_t>(n);
  }
  text.resize(have);
  return text;
}

std::optional<uint32_t> ParseId(std::string_view text) {
  const auto id = ParseInt<uint32_t>(text);
  return id && *id < proto::boot::kUserIds ? id : std::nullopt;
}

std::optional<Account> ParsePasswdLine(std::string_view line) {
  const auto fields = Split(line, ':');
  if (fields.size() < 7) return std::nullopt;
  const auto uid = ParseId(fields[2]);
  const auto gid = ParseId(fields[3]);
  if (!uid || !gid) return std::nullopt;
  Account account;
  account.name = fields[0];
  account.uid = *uid;
  account.gid = *gid;
  account.home = fields[5].empty() ? "/" : std::string(fields[5]);
  return account;
}

std::optional<Account> Lookup(std::string_view passwd, std::string_view name) {
  const auto number = ParseInt<uint32_t>(name);
  for (const std::string_view line : Split(passwd, '\n')) {
    auto account = ParsePasswdLine(line);
    if (!account) continue;
    if (account->name == name || (number && account->uid == *number)) return account;
  }
  return std::nullopt;
}

void AddGroups(Account* account, const std::string& etc) {
  account->groups = {account->gid};
  const std::string text = ReadSmall(etc + "/group");
  for (const std::string_view line : Split(text, '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() < 4) continue;
    const auto members = Split(fields[3], ',');
    const auto gid = ParseId(fields[2]);
    if (!gid || *gid == account->gid || account->groups.size() >= kGroupsMax) continue;
    if (std::find(members.begin(), members.end(), account->name) != members.end()) {
      account->groups.push_back(*gid);
    }
  }
}

}  // namespace

Result<Account> FindAccount(std::string_view name, const std::string& etc) {
  const std::string passwd = ReadSmall(etc + "/passwd");
  auto account = Lookup(passwd, name.empty() ? kDefaultUser : name);
  if (!account && (name.empty() || name == "root" || name == "0")) {
    account = Account{"root", 0, 0, "/root", {}};
  }
  if (!account) {
    return Error(Code::kInvalid, "the sandbox has no user " + std::string(name));
  }
  AddGroups(&*account, etc);
  return std::move(*account);
}

Result<gid_t> FindGroup(std::string_view name, const std::string& etc) {
  if (const auto number = ParseId(name)) return *number;
  const std::string text = ReadSmall(etc + "/group");
  for (const std::string_view line : Split(text, '\n')) {
    const auto fields = Split(line, ':');
    if (fields.size() < 3 || fields[0] != name) continue;
    if (const auto gid = ParseId(fields[2])) return *gid;
  }
  return Error(Code::kInvalid, "the sandbox has no group " + std::string(name));
}

}  // namespace cove::toolbox
