#include "image/host_capture.h"

#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "base/text.h"
#include "image/dir.h"
#include "image/guest_files.h"
#include "image/host_plan.h"
#include "image/java_trust.h"
#include "image/secrets.h"
#include "image/sha256.h"
#include "image/store.h"

namespace cove::image {
namespace {

constexpr std::string_view kRecipe = "host image 3\n";  // changes when the rules here change
constexpr size_t kSettingsMax = 1024 * 1024;
constexpr size_t kBundleMax = 4 << 20;
constexpr std::string_view kOwnTrust = "usr/local/share/ca-certificates/cove-sandboxes.crt";
constexpr std::string_view kJavaTrustPath = "etc/ssl/certs/java/cacerts";
constexpr uint64_t kProgressEvery = 20000;

// One walk over all parts, in a fixed order. With a target it also makes the image; without, it
// only computes the id. Both run the same code, so the id always names what was made.
class Capture {
 public:
  Capture(int source, int target, const std::string& trust, Reserve reserve,
          const Progress& progress)
      : source_(source), target_(target), trust_(trust), reserve_(reserve), progress_(progress) {
    hash_.Update(kRecipe);
  }

  Result<std::string> Run();
  uint64_t bytes() const { return bytes_; }

 private:
  Result<void> TakePart(const Part& part);
  Result<void> TakeAt(int from, int to, const std::string& name, const std::string& path,
                      Taking taking);
  Result<void> TakeDir(int from, int to, const std::string& name, const std::string& path,
                       const struct stat& st, Taking taking);
  Result<void> TakeLink(int from, int to, const std::string& name, const std::string& path,
                        const struct stat& st);
  Result<void> TakeFile(int from, int to, const std::string& name, const std::string& path,
                        const struct stat& st, Taking taking);
  Result<void> TakeSettings(int from, int to, const std::string& name, const std::string& path,
                            const struct stat& st);
  Result<void> CopyFile(int from, int to, const std::string& name, const struct stat& st);
  Result<void> Put(const GuestFile& file);
  Result<void> PutSkel();
  Result<void> PutTrust();
  Result<void> PutJavaTrust(const std::string& bundle);
  // The image's directory at `path` below the root, made with its missing parents.
  Result<UniqueFd> TargetDir(const std::string& path);
  void Record(std::string_view path, const struct stat& st, std::string_view content);
  bool making() const { return target_ >= 0; }

  int source_;
  int target_;
  const std::string& trust_;
  Reserve reserve_;
  const Progress& progress_;
  Sha256 hash_;
  uint64_t bytes_ = 0;
  uint64_t count_ = 0;
  bool linking_ = true;  // until the file system says that it cannot
};

std::string ReadIfThere(int dir, const std::string& name) {
  auto text = ReadWholeFile(dir, name, kSettingsMax);
  return text ? *std::move(text) : std::string();
}

std::pair<std::string, std::string> SplitPath(std::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return {"", std::string(path)};
  return {std::string(path.substr(0, slash)), std::string(path.substr(slash + 1))};
}

// Symbolic links in the parents of a part would lead to what the plan does not name.
Result<UniqueFd> OpenBelow(int root, const std::string& path) {
  UniqueFd dir(openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return Error::FromErrno("open the root");
  if (path.empty()) return dir;
  for (const std::string_view part : Split(path, '/')) {
    ASSIGN_OR_RETURN(UniqueFd next, OpenDir(dir.get(), std::string(part)));
    dir = std::move(next);
  }
  return dir;
}

void Capture::Record(std::string_view path, const struct stat& st, std::string_view content) {
  std::string line(path);
  line.push_back('\0');
  line += std::to_string(st.st_mode) + " " + std::to_string(st.st_uid) + " " +
          std::to_string(st.st_gid);
  if (S_ISREG(st.st_mode) && content.empty()) {
    line += " " + std::to_string(st.st_size) + " " + std::to_string(st.st_mtim.tv_sec) + "." +
            std::to_string(st.st_mtim.tv_nsec) + " " + std::to_string(st.st_ino);
  }
  line += " " + std::to_string(content.size()) + ":";
  line += content;
  line.push_back('\n');
  hash_.Update(line);
  if (S_ISREG(st.st_mode)) bytes_ += static_cast<uint64_t>(st.st_size);
  if (++count_ % kProgressEvery == 0 && making() && progress_) {
    progress_("captured " + std::to_string(count_) + " files of the host");
  }
}

Result<std::string> Capture::Run() {
  for (const GuestFile& file : SkeletonFiles()) RETURN_IF_ERROR(Put(file));
  for (const Part& part : HostParts()) RETURN_IF_ERROR(TakePart(part));
  ASSIGN_OR_RETURN(const UniqueFd etc, OpenBelow(source_, "etc"));
  for (const GuestFile& file :
       EtcFiles(ReadIfThere(etc.get(), "passwd"), ReadIfThere(etc.get(), "group"))) {
    RETURN_IF_ERROR(Put(file));
  }
  RETURN_IF_ERROR(PutSkel());
  for (const GuestFile& file : HelperFiles()) RETURN_IF_ERROR(Put(file));
  RETURN_IF_ERROR(PutTrust());
  return hash_.Hex();
}

Result<void> Capture::TakePart(const Part& part) {
  auto [parent, name] = SplitPath(part.path);
  const auto from = OpenBelow(source_, parent);
  if (!from) return Ok();  // this host has no such thing
  UniqueFd to;
  if (making()) {
    ASSIGN_OR_RETURN(to, TargetDir(parent));
  }
  const std::string prefix = parent.empty() ? "" : parent + "/";
  if (!name.ends_with('*')) return TakeAt(from->get(), to.get(), name, prefix + name, part.taking);
  name.pop_back();
  ASSIGN_OR_RETURN(const auto names, SortedNames(from->get()));
  for (const std::string& n : names) {
    if (!n.starts_with(name)) continue;
    RETURN_IF_ERROR(TakeAt(from->get(), to.get(), n, prefix + n, part.taking));
  }
  return Ok();
}

Result<void> Capture::TakeAt(int from, int to, const std::string& name, const std::string& path,
                             Taking taking) {
  if (IsExcluded(path)) return Ok();
  struct stat st{};
  if (fstatat(from, name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0) {
    if (errno == ENOENT) return Ok();
    return Error::FromErrno("stat /" + path);
  }
  if (making()) RETURN_IF_ERROR(reserve_.Wrote(Reserve::kEntryBytes));
  if (S_ISDIR(st.st_mode)) return TakeDir(from, to, name, path, st, taking);
  if (S_ISLNK(st.st_mode)) return TakeLink(from, to, name, path, st);
  if (S_ISREG(st.st_mode)) return TakeFile(from, to, name, path, st, taking);
  return Ok();  // devices, sockets and pipes belong to the host
}

Result<void> Capture::TakeDir(int from, int to, const std::string& name, const std::string& path,
                              const struct stat& st, Taking taking) {
  if ((st.st_mode & 0005) != 0005) return Ok();
  ASSIGN_OR_RETURN(const UniqueFd in, OpenDir(from, name));
  UniqueFd out;
  if (making()) {
    auto made = MakeDir(to, name, 0755);
    if (!made && made.error().code() == Code::kConflict) made = OpenDir(to, name);
    if (!made) return std::move(made).error();
    out = *std::move(made);
  }
  Record(path, st, {});
  ASSIGN_OR_RETURN(const auto names, SortedNames(in.get()));
  for (const std::string& child : names) {
    RETURN_IF_ERROR(TakeAt(in.get(), out.get(), child, path + "/" + child, taking));
  }
  if (making()) return ApplyMeta(to, name, st);
  return Ok();
}

Result<void> Capture::TakeLink(int from, int to, const std::string& name, const std::string& path,
                               const struct stat& st) {
  char target[PATH_MAX];
  const ssize_t n = readlinkat(from, name.c_str(), target, sizeof target - 1);
  if (n < 0) return Error::FromErrno("read link /" + path);
  target[n] = '\0';
  Record(path, st, std::string_view(target, static_cast<size_t>(n)));
  if (!making()) return Ok();
  if (symlinkat(target, to, name.c_str()) != 0) {
    if (errno == EEXIST) return Ok();
    return DiskError("make link /" + path);
  }
  return ApplyMeta(to, name, st);
}

Result<void> Capture::TakeFile(int from, int to, const std::string& name, const std::string& path,
                               const struct stat& st, Taking taking) {
  // Root of a sandbox reads whatever is in it, so what the host's users may only run stays out,
  // too.
  if ((st.st_mode & 0004) == 0 && !IsPublicThoughUnreadable(path)) return Ok();
  if (taking == Taking::kDropSecrets) return TakeSettings(from, to, name, path, st);
  Record(path, st, {});
  if (!making()) return Ok();
  if (taking == Taking::kLink && linking_) {
    if (linkat(from, name.c_str(), to, name.c_str(), 0) == 0) return Ok();
    if (errno == EXDEV || errno == EPERM || errno == EOPNOTSUPP) {
      linking_ = false;
    } else if (errno != EMLINK) {
      return DiskError("link /" + path);
    }
  }
  auto copied = CopyFile(from, to, name, st);
  if (!copied) return std::move(copied).error().Wrap("capture /" + path);
  return Ok();
}

Result<void> Capture::CopyFile(int from, int to, const std::string& name, const struct stat& st) {
  const UniqueFd in(openat(from, name.c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!in) return Error::FromErrno("open");
  const UniqueFd out(openat(to, name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!out) return DiskError("create");
  RETURN_IF_ERROR(CopyData(in.get(), out.get(), &reserve_));
  return ApplyMeta(to, name, st);
}

Result<void> Capture::TakeSettings(int from, int to, const std::string& name,
                                   const std::string& path, const struct stat& st) {
  auto text = ReadWholeFile(from, name, kSettingsMax);
  if (!text) return std::move(text).error().Wrap("read /" + path);
  const std::string kept = DropSecretLines(*text);
  // A script that lost a line may do something else: it goes whole.
  if (kept.size() != text->size() && path.starts_with("etc/profile.d/")) return Ok();
  Record(path, st, kept.empty() ? "\n" : kept);
  if (!making()) return Ok();
  return WriteNewFile(to, name, kept, st.st_mode & 0777, st.st_uid, st.st_gid);
}

Result<void> Capture::Put(const GuestFile& file) {
  struct stat st{};
  st.st_uid = file.uid;
  st.st_gid = file.gid;
  const mode_t type = file.kind == GuestFile::Kind::kDirectory ? S_IFDIR
                      : file.kind == GuestFile::Kind::kSymlink ? S_IFLNK
                                                               : S_IFREG;
  st.st_mode = type | file.mode;
  Record(file.path, st, file.content.empty() ? std::string_view("\n") : file.content);
  if (!making()) return Ok();
  const auto [parent, name] = SplitPath(file.path);
  ASSIGN_OR_RETURN(const UniqueFd dir, TargetDir(parent));
  switch (file.kind) {
    case GuestFile::Kind::kDirectory: {
      if (mkdirat(dir.get(), name.c_str(), 0755) != 0 && errno != EEXIST) return DiskError(name);
      if (fchownat(dir.get(), name.c_str(), file.uid, file.gid, AT_SYMLINK_NOFOLLOW) != 0 ||
          fchmodat(dir.get(), name.c_str(), file.mode, 0) != 0) {
        return DiskError(name);
      }
      return Ok();
    }
    case GuestFile::Kind::kSymlink:
      if (unlinkat(dir.get(), name.c_str(), 0) != 0 && errno != ENOENT) return DiskError(name);
      if (symlinkat(file.content.c_str(), dir.get(), name.c_str()) != 0) return DiskError(name);
      return Ok();
    case GuestFile::Kind::kRegular: {
      // What the host had there is a link to the host's file: it is replaced, never written.
      if (unlinkat(dir.get(), name.c_str(), 0) != 0 && errno != ENOENT) return DiskError(name);
      return WriteNewFile(dir.get(), name, file.content, file.mode, file.uid, file.gid);
    }
  }
  return Ok();
}

Result<void> Capture::PutSkel() {
  auto skel = OpenBelow(source_, "etc/skel");
  if (!skel) return Ok();
  ASSIGN_OR_RETURN(const auto names, SortedNames(skel->get()));
  for (const std::string& name : names) {
    struct stat st{};
    if (fstatat(skel->get(), name.c_str(), &st, AT_SYMLINK_NOFOLLOW) != 0 || !S_ISREG(st.st_mode) ||
        (st.st_mode & 0004) == 0) {
      continue;
    }
    auto text = ReadWholeFile(skel->get(), name, kSettingsMax);
    if (!text) continue;
    for (const auto& [home, uid] :
         {std::pair<std::string, uid_t>(kUserHome, kUserUid), {"root", 0}}) {
      GuestFile file{
          home + "/" + name, GuestFile::Kind::kRegular, st.st_mode & 0777, uid, uid, *text};
      RETURN_IF_ERROR(Put(file));
    }
  }
  return Ok();
}

// The bundle is what programs read; the file by itself, with the link to it, is what a later
// update-ca-certificates finds, and what a Java that is installed later makes its store of.
Result<void> Capture::PutTrust() {
  if (trust_.empty()) return Ok();
  std::string bundle;
  if (const auto dir = OpenBelow(source_, "etc/ssl/certs"); dir) {
    auto text = ReadWholeFile(dir->get(), "ca-certificates.crt", kBundleMax);
    if (!text && text.error().sys_errno() != ENOENT) return std::move(text).error();
    if (text) bundle = *std::move(text);
  }
  bundle += trust_;
  using Kind = GuestFile::Kind;
  RETURN_IF_ERROR(Put({"etc/ssl/certs/ca-certificates.crt", Kind::kRegular, 0644, 0, 0, bundle}));
  RETURN_IF_ERROR(Put({std::string(kOwnTrust), Kind::kRegular, 0644, 0, 0, trust_}));
  RETURN_IF_ERROR(Put({"etc/ssl/certs/cove-sandboxes.pem", Kind::kSymlink, 0777, 0, 0,
                       "/" + std::string(kOwnTrust)}));
  return PutJavaTrust(bundle);
}

// Debian's Java reads this file through a link in its own directory; one that has a file of its own
// there gets such a link.
Result<void> Capture::PutJavaTrust(const std::string& bundle) {
  using Kind = GuestFile::Kind;
  RETURN_IF_ERROR(Put({std::string(kJavaTrustPath), Kind::kRegular, 0644, 0, 0,
                       JavaTrustStore(CertificatesOf(bundle))}));
  const std::string all = "usr/lib/jvm";
  const auto dir = OpenBelow(source_, all);
  if (!dir) return Ok();
  ASSIGN_OR_RETURN(const auto names, SortedNames(dir->get()));
  for (const std::string& name : names) {
    for (const char* below : {"/lib/security", "/jre/lib/security"}) {
      const std::string path = all + "/" + name + below;
      const auto security = OpenBelow(source_, path);
      struct stat st{};
      if (!security || fstatat(security->get(), "cacerts", &st, AT_SYMLINK_NOFOLLOW) != 0 ||
          !S_ISREG(st.st_mode)) {
        continue;
      }
      RETURN_IF_ERROR(
          Put({path + "/cacerts", Kind::kSymlink, 0777, 0, 0, "/" + std::string(kJavaTrustPath)}));
    }
  }
  return Ok();
}

Result<UniqueFd> Capture::TargetDir(const std::string& path) {
  UniqueFd dir(openat(target_, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!dir) return Error::FromErrno("open the image");
  if (path.empty()) return dir;
  for (const std::string_view part : Split(path, '/')) {
    auto next = OpenDir(dir.get(), std::string(part));
    if (!next && next.error().sys_errno() == ENOENT)
      next = MakeDir(dir.get(), std::string(part), 0755);
    if (!next) return std::move(next).error();
    dir = *std::move(next);
  }
  return dir;
}

}  // namespace

Result<proto::runner::ImageInfo> CaptureHost(const HostSource& source, int images_dir,
                                             uint64_t keep_free, const Progress& progress) {
  ASSIGN_OR_RETURN(const UniqueFd root, OpenDirPath(source.root));
  {
    Capture look(root.get(), -1, source.trust, Reserve(images_dir, 0), progress);
    auto id = look.Run();
    if (!id) return std::move(id).error().Wrap("look at the host's files");
    if (auto known = ReadImage(images_dir, ImageId(*id)); known) return *std::move(known);
  }
  Reserve reserve(images_dir, keep_free);
  RETURN_IF_ERROR(reserve.Look());
  ASSIGN_OR_RETURN(NewImage image, NewImage::Begin(images_dir));
  Capture make(root.get(), image.root(), source.trust, reserve, progress);
  auto id = make.Run();
  if (!id) return std::move(id).error().Wrap("capture the host image");
  if (progress) progress("the host image is complete");
  return std::move(image).Commit(ImageId(*id), {}, make.bytes());
}

}  // namespace cove::image
