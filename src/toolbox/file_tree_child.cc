// Looking at the tree: listings, names, texts.
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "toolbox/file_worker.h"

namespace cove::toolbox::internal {
namespace {

using proto::toolbox::FileInfo;
using proto::toolbox::FileInfos;
using proto::toolbox::Match;
using proto::toolbox::Matches;

constexpr uint32_t kDepthMax = 64;
constexpr size_t kBatch = 500;
constexpr size_t kBinaryProbe = 8000;
constexpr size_t kLineMax = 4096;  // of a found line, what is shown
constexpr size_t kChunk = 64 * 1024;

// Collects replies into frames. `ok` is false once the host is gone.
template <class List, class Item>
struct Batch {
  HostLink& host;
  Type type;
  std::vector<Item> List::* items;
  List list;
  size_t bytes = 0;
  bool ok = true;

  void Add(Item item, size_t size) {
    (list.*items).push_back(std::move(item));
    bytes += size + 64;
    if ((list.*items).size() >= kBatch || bytes > kChunk) Flush();
  }
  void Flush() {
    if ((list.*items).empty() || !ok) return;
    ok = host.Send(type, list);
    (list.*items).clear();
    bytes = 0;
  }
  void Finish() {
    Flush();
    if (ok) host.Send(Type::kOk, proto::toolbox::Empty{});
  }
};
using InfoBatch = Batch<FileInfos, FileInfo>;
using MatchBatch = Batch<Matches, Match>;

constexpr int kFolder = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr int kReading = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW;

Result<std::vector<std::string>> NamesIn(int folder, const std::string& shown) {
  // A descriptor of its own, with its own place in the folder, which closedir() closes.
  UniqueFd own(OpenFrom(folder, ".", kFolder));
  const std::unique_ptr<DIR, int (*)(DIR*)> list(own ? fdopendir(own.get()) : nullptr, closedir);
  if (!list) return PathError(shown);
  (void)own.Release();
  std::vector<std::string> names;
  while (const dirent* entry = readdir(list.get())) {
    if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<void> ListInto(InfoBatch& batch, int folder, const std::string& path, uint32_t depth) {
  ASSIGN_OR_RETURN(const auto names, NamesIn(folder, path));
  for (const std::string& name : names) {
    const std::string full = JoinPath(path, name);
    struct stat info{};
    // What is gone meanwhile is left out.
    if (fstatat(folder, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) continue;
    batch.Add(InfoOf(full, info), full.size() + name.size());
    if (S_ISDIR(info.st_mode) && depth > 1) {
      // A folder that cannot be read is listed, and what is in it is not.
      const UniqueFd inner(OpenFrom(folder, name, kFolder));
      if (inner) (void)ListInto(batch, inner.get(), full, depth - 1);
    }
    if (!batch.ok) break;
  }
  return Ok();
}

// Kernel file systems have no end and no text.
bool IsKernelFolder(const std::string& path) {
  return path == "/proc" || path == "/sys" || path == "/dev";
}

struct Entry {
  int folder;  // open while it is visited
  std::string name;
  std::string path;  // to be shown
  struct stat info;
};

// Calls visit(Entry) for every entry below `path`, whose folder is open; links are not followed.
// visit gives false to stop.
template <class Visit>
bool Walk(int folder, const std::string& path, uint32_t depth, Visit&& visit) {
  auto names = NamesIn(folder, path);
  if (!names || depth > kDepthMax) return true;
  for (std::string& name : *names) {
    Entry entry{folder, std::move(name), {}, {}};
    entry.path = JoinPath(path, entry.name);
    if (IsKernelFolder(entry.path) ||
        fstatat(folder, entry.name.c_str(), &entry.info, AT_SYMLINK_NOFOLLOW) != 0) {
      continue;
    }
    if (!visit(entry)) return false;
    if (!S_ISDIR(entry.info.st_mode)) continue;
    const UniqueFd inner(OpenFrom(folder, entry.name, kFolder));
    if (inner && !Walk(inner.get(), entry.path, depth + 1, visit)) return false;
  }
  return true;
}

void AddLine(MatchBatch& batch, const std::string& path, uint32_t line, std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  batch.Add({path, line, std::string(text.substr(0, kLineMax))},
            path.size() + std::min(text.size(), kLineMax));
}

// Line by line in constant memory; of a line over 1 MiB only the first MiB is searched.
void FindInFile(MatchBatch& batch, const UniqueFd& fd, const std::string& path,
                const std::string& pattern) {
  constexpr size_t kCarryMax = 1024 * 1024;
  struct stat info{};
  if (!fd || fstat(fd.get(), &info) != 0 || !S_ISREG(info.st_mode)) return;
  std::string text;
  uint32_t line = 1;
  bool first = true;
  auto chunk = std::make_unique<char[]>(kChunk);
  for (;;) {
    const ssize_t n = read(fd.get(), chunk.get(), kChunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return;
    const std::string_view fresh(chunk.get(), static_cast<size_t>(n));
    if (first && fresh.substr(0, kBinaryProbe).find('\0') != std::string_view::npos) return;
    first = false;
    const bool skip = text.size() > kCarryMax;
    text.append(fresh.substr(skip ? std::min(fresh.find('\n'), fresh.size()) : 0));
    size_t start = 0;
    for (size_t end; (end = text.find('\n', start)) != std::string::npos; start = end + 1, ++line) {
      const std::string_view whole(text.data() + start, end - start);
      if (whole.find(pattern) != std::string_view::npos) AddLine(batch, path, line, whole);
    }
    text.erase(0, start);
    if (n == 0) {
      if (text.find(pattern) != std::string::npos) AddLine(batch, path, line, text);
      return;
    }
    if (!batch.ok) return;
  }
}

}  // namespace

FileInfo InfoOf(const std::string& path, const struct stat& info) {
  FileInfo out;
  out.path = path;
  out.name = BaseName(path);
  out.size = static_cast<uint64_t>(info.st_size);
  out.mode = info.st_mode;
  out.modified_us = info.st_mtim.tv_sec * 1'000'000 + info.st_mtim.tv_nsec / 1000;
  out.uid = info.st_uid;
  out.gid = info.st_gid;
  return out;
}

Outcome ListFolder(HostLink& host, const std::string& path, uint32_t depth) {
  ASSIGN_OR_RETURN(const UniqueFd there, OpenPath(path, O_PATH));
  struct stat info{};
  if (fstat(there.get(), &info) != 0) return Error::FromErrno(path);
  if (!S_ISDIR(info.st_mode)) return Error(Code::kInvalid, path + " is not a folder");
  InfoBatch batch{host, Type::kFiles, &FileInfos::files, {}};
  RETURN_IF_ERROR(ListInto(batch, there.get(), path, std::clamp(depth, 1u, kDepthMax)));
  batch.Finish();
  return Ok();
}

Outcome StatFile(HostLink& host, const std::string& path) {
  UniqueFd there(OpenFrom(AT_FDCWD, path, O_PATH));
  // A link that leads nowhere is there, too.
  if (!there) there.Reset(OpenFrom(AT_FDCWD, path, O_PATH | O_NOFOLLOW));
  struct stat info{};
  if (!there || fstat(there.get(), &info) != 0) return PathError(path);
  FileInfos infos;
  infos.files.push_back(InfoOf(path, info));
  host.Send(Type::kFiles, infos);
  return Ok();
}

Outcome FindText(HostLink& host, const proto::toolbox::FileFind& request) {
  if (request.pattern.empty()) return Error(Code::kInvalid, "the text to find is empty");
  ASSIGN_OR_RETURN(const UniqueFd there, OpenPath(request.path, O_PATH));
  struct stat info{};
  if (fstat(there.get(), &info) != 0) return PathError(request.path);
  MatchBatch batch{host, Type::kMatches, &Matches::matches, {}};
  if (S_ISREG(info.st_mode)) {
    const UniqueFd file(open(NameOf(there).c_str(), O_RDONLY | O_CLOEXEC));
    FindInFile(batch, file, request.path, request.pattern);
  } else if (S_ISDIR(info.st_mode)) {
    Walk(there.get(), request.path, 0, [&](const Entry& entry) {
      if (S_ISREG(entry.info.st_mode)) {
        const UniqueFd file(OpenFrom(entry.folder, entry.name, kReading));
        FindInFile(batch, file, entry.path, request.pattern);
      }
      return batch.ok;
    });
  }
  batch.Finish();
  return Ok();
}

Outcome SearchNames(HostLink& host, const proto::toolbox::FileFind& request) {
  if (request.pattern.empty()) return Error(Code::kInvalid, "the pattern is empty");
  ASSIGN_OR_RETURN(const UniqueFd there, OpenPath(request.path, O_PATH));
  MatchBatch batch{host, Type::kMatches, &Matches::matches, {}};
  Walk(there.get(), request.path, 0, [&](const Entry& entry) {
    if (fnmatch(request.pattern.c_str(), entry.name.c_str(), 0) == 0) {
      batch.Add({entry.path, 0, {}}, entry.path.size());
    }
    return batch.ok;
  });
  batch.Finish();
  return Ok();
}

}  // namespace cove::toolbox::internal
