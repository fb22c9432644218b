#include "image/host_plan.h"

#include <algorithm>
#include <array>

namespace cove::image {

const std::vector<Part>& HostParts() {
  static const std::vector<Part> parts = {
      {"usr", Taking::kLink},
      {"bin", Taking::kLink},
      {"sbin", Taking::kLink},
      {"lib*", Taking::kLink},
      // The package database describes /usr: without it apt would install all of it again.
      {"var/lib/dpkg", Taking::kLink},
      // The loader, TLS trust and the like.
      {"etc/ld.so*"},
      {"etc/ssl/certs"},
      {"etc/ssl/openssl.cnf"},
      {"etc/ca-certificates*"},
      {"etc/alternatives"},
      {"etc/nsswitch.conf"},
      {"etc/host.conf"},
      {"etc/gai.conf"},
      {"etc/services"},
      {"etc/protocols"},
      {"etc/rpc"},
      {"etc/networks"},
      {"etc/ethertypes"},
      {"etc/netconfig"},
      // Shells and logins.
      {"etc/profile"},
      {"etc/profile.d", Taking::kDropSecrets},
      {"etc/bash.bashrc"},
      {"etc/bash_completion*"},
      {"etc/zsh*"},
      {"etc/inputrc"},
      {"etc/shells"},
      {"etc/skel"},
      {"etc/login.defs"},
      {"etc/adduser.conf"},
      {"etc/deluser.conf"},
      {"etc/pam.conf"},
      {"etc/pam.d"},
      {"etc/security"},
      {"etc/terminfo"},
      {"etc/issue*"},
      // What the machine is and how it speaks.
      {"etc/os-release"},
      {"etc/lsb-release"},
      {"etc/debian_version"},
      {"etc/localtime"},
      {"etc/timezone"},
      {"etc/locale*"},
      {"etc/default/locale"},
      {"etc/default/useradd"},
      {"etc/default/keyboard"},
      {"etc/mime.types"},
      {"etc/magic*"},
      {"etc/manpath.config"},
      {"etc/groff"},
      // Packages. Never apt/auth.conf*.
      {"etc/apt/sources.list", Taking::kDropSecrets},
      {"etc/apt/sources.list.d", Taking::kDropSecrets},
      {"etc/apt/apt.conf.d", Taking::kDropSecrets},
      {"etc/apt/preferences.d"},
      {"etc/apt/trusted.gpg*"},
      {"etc/apt/keyrings"},
      {"etc/dpkg"},
      {"etc/debconf.conf"},
      {"etc/init.d"},
      // Languages and libraries.
      {"etc/python3*"},
      {"etc/perl"},
      {"etc/java*"},
      {"etc/.java"},
      // Its settings.xml may hold passwords of servers, and XML cannot lose single lines.
      {"etc/maven/m2.conf"},
      {"etc/maven/logging"},
      {"etc/fonts"},
      {"etc/X11"},
      {"etc/glvnd"},
      {"etc/gtk-2.0"},
      {"etc/gtk-3.0"},
      {"etc/nodejs"},
      {"etc/emacs"},
      {"etc/vim"},
      {"etc/npmrc", Taking::kDropSecrets},
      {"etc/pip.conf", Taking::kDropSecrets},
      {"etc/gitconfig", Taking::kDropSecrets},
      {"etc/gdb"},
      {"etc/php*", Taking::kDropSecrets},
      {"etc/ruby*"},
      {"etc/R", Taking::kDropSecrets},
      {"etc/ImageMagick*"},
      {"etc/texmf"},
      {"etc/update-motd.d"},
      {"etc/selinux"},
  };
  return parts;
}

// Of mode 4111 on Fedora, 4711 on Gentoo.
bool IsPublicThoughUnreadable(std::string_view path) {
  return path == "usr/bin/sudo" || path == "usr/bin/su";
}

bool IsExcluded(std::string_view path) {
  // dpkg's own temporary and historical files, and trees that only a booting machine uses.
  static constexpr std::array<std::string_view, 6> kExcluded = {
      "usr/lib/debug",           "usr/local/lost+found", "usr/lost+found",
      "var/lib/dpkg/status-old", "var/lib/dpkg/lock",    "var/lib/dpkg/lock-frontend",
  };
  return std::find(kExcluded.begin(), kExcluded.end(), path) != kExcluded.end();
}

}  // namespace cove::image
