#!/usr/bin/env bash
# clang-tidy over every source file of the product, two at a time (the tests have the sanitizers). A file whose text, headers and checks have not
# changed since it last passed is not checked again (stamps in build/tidy).
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."
mkdir -p build/tidy
headers=$(git ls-files 'src/*.h' .clang-tidy | xargs cat | sha256sum | cut -c1-16)
check() {
  local file=$1 stamp
  stamp=build/tidy/$(cat "$file" <(echo "$file $2") | sha256sum | cut -c1-32)
  [ -e "$stamp" ] && return 0
  if clang-tidy-19 -p build/release --quiet "$file" >"$stamp.out" 2>"$stamp.err"; then
    mv "$stamp.out" "$stamp"
  else
    cat "$stamp.out" >&2
    grep -v 'warnings generated\|Suppressed\|Use -header-filter' "$stamp.err" >&2 || true
    rm -f "$stamp.out" "$stamp.err"
    return 1
  fi
  rm -f "$stamp.err"
}
export -f check
git ls-files 'src/*.cc' | grep -vE '_(fuzz|test|bench)\.cc$' | xargs -P "${TIDY_JOBS:-2}" -I{} bash -c 'check "$1" "$2"' _ {} "$headers"
