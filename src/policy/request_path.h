// Paths of HTTP requests in one form, and the patterns that rules compare them with.
//
// Concept: a server may read a path in more ways than one ("/a/%2e%2e/b", "/a%2Fb", "//a", "/a;x").
// A rule about paths only means something if judge and server read the same, so a path is brought
// into one form first, and one that has no single reading is refused:
//   - escapes of unreserved characters are decoded, others keep their escape in capitals
//     (RFC 3986 6.2.2);
//   - refused: no leading '/', "." and ".." segments in any spelling (also before ";" and between
//     escaped slashes), empty segments, backslashes in any spelling, control characters and NUL in
//     any spelling, bytes outside ASCII, broken escapes, escapes of escapes ("%2541"), '#';
//   - an escaped slash stays one ("%2F", in capitals) and is part of its segment.
// Both the request's path and a pattern go through here.
//
// Patterns: whole segments, compared exactly. A segment may hold one '*', which stands for any
// characters of that segment ("/*/releases/*.tar.gz"); a last segment "**" stands for one or more
// segments. "?query" at the end demands just that query; without it any query matches.
// Thread: values.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace cove::policy {

inline constexpr size_t kPathBytesMax = 8192;

struct RequestPath {
  std::vector<std::string> segments;  // a trailing slash gives a last empty one
  std::string query;                  // as sent, without '?'

  // `target` is the origin form of a request target.
  static Result<RequestPath> Parse(std::string_view target);
};

class PathPattern {
 public:
  static Result<PathPattern> Parse(std::string_view text);
  bool Matches(const RequestPath& path) const;
  // Whether any server could read the path so that it matches: all escapes decoded, upper and lower
  // case the same, parameters (";x") cut, escaped slashes separating, slashes at the end nothing.
  // For denials.
  bool MayMatch(const RequestPath& path) const;
  const std::string& text() const { return text_; }

 private:
  std::string text_;
  std::vector<std::string> segments_;
  std::string query_;
  bool has_query_ = false;
  bool rest_ = false;               // ends in "**"
  std::vector<std::string> loose_;  // segments_ as MayMatch reads them
};

}  // namespace cove::policy
