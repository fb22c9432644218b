#include "image/guest_files.h"

#include <algorithm>
#include <optional>

#include "base/text.h"
#include "image/guest_serve.h"

namespace cove::image {
namespace {

using Kind = GuestFile::Kind;

constexpr unsigned kSystemIdMax = 999;
constexpr unsigned kNobody = 65534;

GuestFile Dir(std::string path, mode_t mode = 0755, uid_t uid = 0) {
  return {std::move(path), Kind::kDirectory, mode, uid, uid, {}};
}
GuestFile File(std::string path, std::string content, mode_t mode = 0644) {
  return {std::move(path), Kind::kRegular, mode, 0, 0, std::move(content)};
}

bool PlainName(std::string_view name) {
  return !name.empty() && name.size() <= 32 && name != kUserName &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  c == '_' || c == '-' || c == '.';
         });
}

// A system account's id, or nothing for people and for what is malformed.
std::optional<unsigned> SystemId(std::string_view text) {
  const auto id = ParseInt<unsigned>(text);
  if (!id || (*id > kSystemIdMax && *id != kNobody)) return std::nullopt;
  return id;
}

// What a mark such as "root:" stands for: whether a line of `text` starts with it.
bool HasLine(std::string_view text, std::string_view start) {
  return text.starts_with(start) || text.find("\n" + std::string(start)) != std::string_view::npos;
}

}  // namespace

std::string GuestPasswd(std::string_view host_passwd) {
  std::string out;
  for (const std::string_view line : Split(host_passwd, '\n')) {
    const auto f = Split(line, ':');
    if (f.size() != 7 || !PlainName(f[0])) continue;
    const auto uid = SystemId(f[2]);
    const auto gid = ParseInt<unsigned>(f[3]);
    if (!uid || !gid || *gid == kUserUid) continue;
    if (*uid == 0 && f[0] != "root") continue;
    // '*' admits no password: there is no shadow file, and sudo asks for none.
    const std::string_view home = f[0] == "root" ? "/root" : f[5];
    const std::string_view shell = f[0] == "root" ? "/bin/bash" : f[6];
    out += std::string(f[0]) + ":*:" + std::to_string(*uid) + ":" + std::to_string(*gid) +
           "::" + std::string(home) + ":" + std::string(shell) + "\n";
  }
  if (!HasLine(out, "root:")) out = "root:*:0:0::/root:/bin/bash\n" + out;
  if (!HasLine(out, "daemon:")) out += "daemon:*:1:1::/usr/sbin:/usr/sbin/nologin\n";
  if (!HasLine(out, "_apt:")) out += "_apt:*:42:65534::/nonexistent:/usr/sbin/nologin\n";
  if (!HasLine(out, "nobody:")) out += "nobody:*:65534:65534::/nonexistent:/usr/sbin/nologin\n";
  out += std::string(kUserName) + ":*:1000:1000::/home/daytona:/bin/bash\n";
  return out;
}

std::string GuestGroup(std::string_view host_group) {
  std::string out;
  for (const std::string_view line : Split(host_group, '\n')) {
    const auto f = Split(line, ':');
    if (f.size() != 4 || !PlainName(f[0])) continue;
    const auto gid = SystemId(f[2]);
    if (!gid) continue;
    const std::string_view members = f[0] == "sudo" ? kUserName : std::string_view();
    out += std::string(f[0]) + ":*:" + std::to_string(*gid) + ":" + std::string(members) + "\n";
  }
  if (!HasLine(out, "root:")) out = "root:*:0:\n" + out;
  if (!HasLine(out, "daemon:")) out += "daemon:*:1:\n";
  if (!HasLine(out, "tty:")) out += "tty:*:5:\n";
  if (!HasLine(out, "nogroup:")) out += "nogroup:*:65534:\n";
  out += std::string(kUserName) + ":*:1000:\n";
  return out;
}

std::vector<GuestFile> EtcFiles(std::string_view host_passwd, std::string_view host_group) {
  return {
      File("etc/passwd", GuestPasswd(host_passwd)),
      File("etc/group", GuestGroup(host_group)),
      File("etc/hostname", "sandbox\n"),
      File("etc/hosts", "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n"),
      File("etc/resolv.conf", "nameserver 10.0.0.2\n"),
      File("etc/fstab", ""),
      Dir("etc/sudoers.d", 0750),
      File("etc/sudoers",
           "Defaults env_reset,!requiretty,!use_pty\n"
           "Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"\n"
           "Defaults env_keep += \"DEBIAN_FRONTEND LANG LC_CTYPE COVE_SANDBOX_ID\"\n"
           // What points programs to the sandbox's trust (control/env.cc), as root too.
           "Defaults env_keep += \"NODE_EXTRA_CA_CERTS SSL_CERT_FILE REQUESTS_CA_BUNDLE PIP_CERT "
           "CURL_CA_BUNDLE GIT_SSL_CAINFO\"\n"
           "root ALL=(ALL:ALL) ALL\n"
           "@includedir /etc/sudoers.d\n",
           0440),
      File("etc/sudoers.d/daytona", "daytona ALL=(ALL:ALL) NOPASSWD: ALL\n", 0440),
      // The download user of apt would need ids that a nested container may not have.
      File("etc/apt/apt.conf.d/90cove", "APT::Sandbox::User \"root\";\nDpkg::Use-Pty \"false\";\n"),
  };
}

std::vector<GuestFile> SkeletonFiles() {
  std::vector<GuestFile> out = {
      Dir("dev"),        Dir("proc"),       Dir("sys"),
      Dir("run"),        Dir("mnt"),        Dir("media"),
      Dir("opt"),        Dir("srv"),        Dir("home"),
      Dir("root", 0700), Dir("tmp", 01777), Dir(std::string(kUserHome), 0755, kUserUid),
  };
  for (const char* path : {"var",
                           "var/lib",
                           "var/cache",
                           "var/log",
                           "var/spool",
                           "var/mail",
                           "var/backups",
                           "var/local",
                           "var/opt",
                           "var/lib/dpkg",
                           "var/lib/dpkg/info",
                           "var/lib/dpkg/updates",
                           "var/lib/dpkg/triggers",
                           "var/lib/dpkg/alternatives",
                           "var/lib/apt",
                           "var/lib/apt/lists",
                           "var/lib/apt/lists/partial",
                           "var/lib/misc",
                           "var/lib/pam",
                           "var/lib/systemd",
                           "var/cache/apt",
                           "var/cache/apt/archives",
                           "var/cache/apt/archives/partial",
                           "var/cache/debconf",
                           "var/log/apt"}) {
    out.push_back(Dir(path));
  }
  out.push_back(Dir("var/tmp", 01777));
  out.push_back({"var/run", Kind::kSymlink, 0777, 0, 0, "/run"});
  out.push_back({"var/lock", Kind::kSymlink, 0777, 0, 0, "/run/lock"});
  return out;
}

std::vector<GuestFile> HelperFiles() {
  return {File("usr/local/bin/cove-serve", std::string(kCoveServe), 0755)};
}

}  // namespace cove::image
