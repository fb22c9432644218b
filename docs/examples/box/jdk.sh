#!/bin/sh
# A JDK 25 in the environment directory, for projects that need one (a pom.xml or build.gradle).
# Needs api.adoptium.net, github.com and release-assets.githubusercontent.com among the allowed
# domains.
set -eu
if [ ! -f pom.xml ] && [ ! -f build.gradle ] && [ ! -f build.gradle.kts ]; then
  echo "[sandbox] no Java project: no JDK"
  exit 0
fi
jdk=$SANDBOX_ENV_DIR/jdk-25
if [ ! -x "$jdk/bin/java" ]; then
  echo "[sandbox] installing a JDK 25"
  case $(uname -m) in aarch64) arch=aarch64 ;; *) arch=x64 ;; esac
  rm -rf "$jdk.new"
  mkdir -p "$jdk.new"
  curl -fsSL "https://api.adoptium.net/v3/binary/latest/25/ga/linux/$arch/jdk/hotspot/normal/eclipse" |
    tar -xz --strip-components=1 -C "$jdk.new"
  # It trusts what the sandbox trusts, the gateway's own authority too.
  if [ -f /etc/ssl/certs/java/cacerts ]; then
    ln -sf /etc/ssl/certs/java/cacerts "$jdk.new/lib/security/cacerts"
  fi
  mv "$jdk.new" "$jdk"
fi
echo "[sandbox] JDK 25 is in $jdk"
