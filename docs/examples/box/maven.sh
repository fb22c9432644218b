#!/bin/sh
# What pom.xml depends on, in a repository below the environment directory.
# Needs repo.maven.apache.org among the allowed domains.
set -eu
if [ ! -f pom.xml ]; then
  echo "[sandbox] no pom.xml: nothing for Maven"
  exit 0
fi
repository=$SANDBOX_ENV_DIR/m2
mkdir -p "$repository"
echo "[sandbox] fetching what pom.xml depends on"
mvn -q -B -Dmaven.repo.local="$repository" dependency:go-offline
echo "[sandbox] Maven's repository is $repository"
