#include "runner/uid_ranges.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <memory>

#include "base/text.h"
#include "image/dir.h"
#include "runner/box_record.h"
#include "sys/small_file.h"

namespace cove::runner {
namespace {

constexpr uint32_t kBlocks = kUidSlotMax / kSlotsPerBlock;
constexpr size_t kClaimMax = 4096;

std::string ClaimOf(const struct stat& st, const std::string& runner_dir) {
  return std::to_string(st.st_dev) + " " + std::to_string(st.st_ino) + " " + runner_dir;
}

// Boxes of a data directory that somebody removed may run on.
bool SomebodyRunsIn(uint32_t block) {
  const uint32_t first = UidBase(block * kSlotsPerBlock);
  const uint32_t past = UidBase((block + 1) * kSlotsPerBlock);
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), closedir);
  if (!proc) return true;
  while (const dirent* entry = readdir(proc.get())) {
    struct stat st{};
    if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
    if (fstatat(dirfd(proc.get()), entry->d_name, &st, 0) != 0) continue;
    if (st.st_uid >= first && st.st_uid < past) return true;
  }
  return false;
}

}  // namespace

Result<UidRanges> UidRanges::Open(const std::string& registry, const std::string& runner_dir) {
  UidRanges out;
  struct stat st{};
  if (stat(runner_dir.c_str(), &st) != 0) return Error::FromErrno("look at " + runner_dir);
  out.mine_ = ClaimOf(st, runner_dir);
  RETURN_IF_ERROR(sys::MakeDir(registry, 0700));
  ASSIGN_OR_RETURN(out.registry_, image::OpenDirPath(registry));
  ASSIGN_OR_RETURN(const auto names, image::SortedNames(out.registry_.get()));
  for (const std::string& name : names) {
    const auto block = ParseInt<uint32_t>(name);
    if (!block || *block >= kBlocks) continue;
    const auto text = image::ReadWholeFile(out.registry_.get(), name, kClaimMax);
    if (text && *text == out.mine_) out.blocks_.insert(*block);
  }
  return out;
}

// One that was cut short while it was written, as an empty one, names nobody.
bool UidRanges::Others(const std::string& claim) const {
  const size_t slash = claim.find(" /");
  if (slash == std::string::npos || claim == mine_) return false;
  const std::string path = claim.substr(slash + 1);
  struct stat st{};
  return stat(path.c_str(), &st) == 0 && ClaimOf(st, path) == claim;
}

bool UidRanges::Taken(uint32_t block) const {
  const auto claim = image::ReadWholeFile(registry_.get(), std::to_string(block), kClaimMax);
  return claim && Others(*claim);
}

Result<bool> UidRanges::Claim(uint32_t block) {
  // Without the lock first: nobody locks the file of a claim that holds, but its owner.
  if (Taken(block)) return false;
  const std::string name = std::to_string(block);
  const UniqueFd file(
      openat(registry_.get(), name.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return image::DiskError("open a range of uids");
  if (flock(file.get(), LOCK_EX | LOCK_NB) != 0) return false;
  if (Taken(block)) return false;
  if (ftruncate(file.get(), 0) != 0 ||
      pwrite(file.get(), mine_.data(), mine_.size(), 0) != static_cast<ssize_t>(mine_.size()) ||
      fsync(file.get()) != 0) {
    return image::DiskError("claim a range of uids");
  }
  blocks_.insert(block);
  return true;
}

Result<void> UidRanges::Keep(uint32_t slot) {
  const uint32_t block = slot / kSlotsPerBlock;
  if (blocks_.contains(block)) return Ok();
  ASSIGN_OR_RETURN(const bool ours, Claim(block));
  if (ours) return Ok();
  return Error(Code::kConflict, "another data directory has its range of uids");
}

Result<uint32_t> UidRanges::FreeSlot(const SlotsInUse& used) {
  const auto in = [&used](uint32_t block) -> std::optional<uint32_t> {
    for (uint32_t slot = block * kSlotsPerBlock; slot < (block + 1) * kSlotsPerBlock; ++slot) {
      if (!used.Has(slot)) return slot;
    }
    return std::nullopt;
  };
  for (const uint32_t block : blocks_) {
    if (const auto slot = in(block)) return *slot;
  }
  for (uint32_t block = 0; block < kBlocks; ++block) {
    if (blocks_.contains(block) || SomebodyRunsIn(block)) continue;
    ASSIGN_OR_RETURN(const bool ours, Claim(block));
    if (ours) return block * kSlotsPerBlock;
  }
  return Error(Code::kExhausted,
               "all ranges of uids of this machine are taken; delete sandboxes, or remove data "
               "directories that are not needed (" +
                   std::string(kUidRegistry) + " names them)");
}

Result<uint32_t> UidRanges::Slots() const {
  ASSIGN_OR_RETURN(const auto names, image::SortedNames(registry_.get()));
  uint32_t taken = 0;
  for (const std::string& name : names) {
    const auto block = ParseInt<uint32_t>(name);
    if (block && *block < kBlocks && !blocks_.contains(*block) && Taken(*block)) ++taken;
  }
  return (kBlocks - taken) * kSlotsPerBlock;
}

void UidRanges::Release() {
  for (const uint32_t block : blocks_) {
    const UniqueFd file(
        openat(registry_.get(), std::to_string(block).c_str(), O_RDWR | O_NOFOLLOW | O_CLOEXEC));
    if (file) (void)ftruncate(file.get(), 0);
  }
  blocks_.clear();
}

}  // namespace cove::runner
