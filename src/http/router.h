// Router: a table of method and path pattern, kept as a tree of path segments.
//
// A pattern is "/sandbox/{id}/start": each segment is literal text, `{name}` (captures exactly one
// non-empty segment, percent-decoded) or, last only, `{name...}` (captures the rest, undecoded,
// possibly empty, for handlers that pass it on). A literal wins over a capture, a capture over a
// rest. Paths compare exactly: a trailing slash matters. HEAD falls back to GET.
//
//   router.Add("GET", "/sandbox/{id}", &GetSandbox);
//   co_await router.Dispatch(exchange);   // or Match() to shape 404 and 405 yourself
//
// Thread: Add before use; Match and Dispatch are then immutable reads.
#pragma once

#include <map>

#include "http/server.h"

namespace cove::http {

class PathParams {
 public:
  // The captured text. REQUIRES: the matched pattern names it (else the empty string).
  const std::string& operator[](std::string_view name) const;
  void Add(std::string name, std::string value) {
    items_.emplace_back(std::move(name), std::move(value));
  }
  size_t size() const { return items_.size(); }

 private:
  std::vector<std::pair<std::string, std::string>> items_;
};

// The exchange and the parameters outlive the task.
using RouteHandler = std::function<Task<void>(Exchange&, const PathParams&)>;

struct RouteMatch {
  enum class Kind { kFound, kNotFound, kMethodNotAllowed };
  Kind kind = Kind::kNotFound;
  const RouteHandler* handler = nullptr;  // kFound; lives as long as the router
  PathParams params;
  std::string pattern;  // kFound: the pattern as added, for logs and metrics (never a raw path)
  std::string allow;    // kMethodNotAllowed: the Allow header's value
};

class Router {
 public:
  Router();
  ~Router();
  Router(Router&&) noexcept;
  Router& operator=(Router&&) noexcept;

  // REQUIRES: `pattern` is well formed and (method, pattern) is new; anything else is a bug in the
  // table and ends the process at start with the pattern's text.
  void Add(std::string method, std::string pattern, RouteHandler handler);

  // `raw_path` is RequestHead::RawPath(): without the query, not decoded.
  RouteMatch Match(std::string_view method, std::string_view raw_path) const;

  // Calls the handler, or answers 404 or 405 as plain text. The router must outlive the task.
  Task<void> Dispatch(Exchange& exchange) const;

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

}  // namespace cove::http
