#include "http/router.h"

#include <cstdio>
#include <cstdlib>

#include "base/text.h"

namespace cove::http {

namespace {

struct Route {
  std::string method;
  std::string pattern;
  std::vector<std::string> names;  // of the captures, in order
  RouteHandler handler;
};

[[noreturn]] void BadRoute(const std::string& pattern, const char* why) {
  std::fprintf(stderr, "cove: route %s: %s\n", pattern.c_str(), why);
  std::abort();
}

const Route* FindMethod(const std::vector<Route>& routes, std::string_view method) {
  const Route* get = nullptr;
  for (const Route& route : routes) {
    if (route.method == method) return &route;
    if (route.method == "GET") get = &route;
  }
  return method == "HEAD" ? get : nullptr;
}

}  // namespace

struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> capture;
  std::vector<Route> routes;  // that end here
  std::vector<Route> rests;   // whose {name...} starts here

  // Walks depth first; `captured` holds the raw text of the captures on the way. Gives the routes
  // of the first node that fits. The depth is bounded by the deepest pattern.
  const std::vector<Route>* Find(std::string_view path, std::string_view method,
                                 std::vector<std::string_view>* captured,
                                 const std::vector<Route>** other_methods) const;
};

const std::vector<Route>* Router::Node::Find(std::string_view path, std::string_view method,
                                             std::vector<std::string_view>* captured,
                                             const std::vector<Route>** other_methods) const {
  // `path` is what is left: empty at the end, else "/segment...".
  if (path.empty()) {
    if (FindMethod(routes, method) != nullptr) return &routes;
    if (!routes.empty() && *other_methods == nullptr) *other_methods = &routes;
  } else {
    const size_t end = path.find('/', 1);
    const std::string_view segment = path.substr(1, end == path.npos ? path.npos : end - 1);
    const std::string_view rest = end == path.npos ? std::string_view() : path.substr(end);
    if (auto it = literals.find(segment); it != literals.end()) {
      if (auto* found = it->second->Find(rest, method, captured, other_methods)) return found;
    }
    if (capture != nullptr && !segment.empty()) {
      captured->push_back(segment);
      if (auto* found = capture->Find(rest, method, captured, other_methods)) return found;
      captured->pop_back();
    }
  }
  if (rests.empty()) return nullptr;
  if (FindMethod(rests, method) != nullptr) {
    captured->push_back(path.empty() ? path : path.substr(1));
    return &rests;
  }
  if (*other_methods == nullptr) *other_methods = &rests;
  return nullptr;
}

const std::string& PathParams::operator[](std::string_view name) const {
  static const std::string kEmpty;
  for (const auto& [key, value] : items_) {
    if (key == name) return value;
  }
  return kEmpty;
}

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::Add(std::string method, std::string pattern, RouteHandler handler) {
  if (pattern.empty() || pattern.front() != '/') BadRoute(pattern, "must start with '/'");
  Node* node = root_.get();
  std::vector<std::string> names;
  bool rest = false;
  for (const std::string_view segment : Split(std::string_view(pattern).substr(1), '/')) {
    if (rest) BadRoute(pattern, "{name...} must be the last segment");
    if (segment.starts_with('{')) {
      if (!segment.ends_with('}') || segment.size() < 3) BadRoute(pattern, "a capture is {name}");
      std::string name(segment.substr(1, segment.size() - 2));
      rest = name.ends_with("...");
      if (rest) name.resize(name.size() - 3);
      names.push_back(std::move(name));
      if (rest) continue;
      if (node->capture == nullptr) node->capture = std::make_unique<Node>();
      node = node->capture.get();
    } else {
      auto& child = node->literals[std::string(segment)];
      if (child == nullptr) child = std::make_unique<Node>();
      node = child.get();
    }
  }
  std::vector<Route>& routes = rest ? node->rests : node->routes;
  for (const Route& route : routes) {
    if (route.method == method) BadRoute(pattern, "this method and path are already in the table");
  }
  routes.push_back(
      Route{std::move(method), std::move(pattern), std::move(names), std::move(handler)});
}

RouteMatch Router::Match(std::string_view method, std::string_view raw_path) const {
  RouteMatch match;
  if (raw_path.empty() || raw_path.front() != '/') return match;
  std::vector<std::string_view> captured;
  const std::vector<Route>* other_methods = nullptr;
  const auto* routes = root_->Find(raw_path, method, &captured, &other_methods);
  if (routes == nullptr) {
    if (other_methods == nullptr) return match;
    match.kind = RouteMatch::Kind::kMethodNotAllowed;
    for (const Route& route : *other_methods) {
      if (!match.allow.empty()) match.allow += ", ";
      match.allow += route.method;
    }
    return match;
  }
  const Route& route = *FindMethod(*routes, method);
  const bool has_rest = route.pattern.ends_with("...}");
  for (size_t i = 0; i < route.names.size(); ++i) {
    if (has_rest && i + 1 == route.names.size()) {
      match.params.Add(route.names[i], std::string(captured[i]));
      continue;
    }
    auto value = PercentDecode(captured[i]);
    if (!value) return RouteMatch{};  // a malformed escape names nothing
    match.params.Add(route.names[i], std::move(*value));
  }
  match.kind = RouteMatch::Kind::kFound;
  match.handler = &route.handler;
  match.pattern = route.pattern;
  return match;
}

Task<void> Router::Dispatch(Exchange& exchange) const {
  const RouteMatch match = Match(exchange.request().method, exchange.request().RawPath());
  if (match.kind == RouteMatch::Kind::kFound) {
    co_await (*match.handler)(exchange, match.params);
    co_return;
  }
  ResponseHead head;
  head.headers.Add("Content-Type", "text/plain; charset=utf-8");
  std::string body = "Not found: check the path.\n";
  head.status = 404;
  if (match.kind == RouteMatch::Kind::kMethodNotAllowed) {
    head.status = 405;
    head.headers.Add("Allow", match.allow);
    body = "Method not allowed: use " + match.allow + ".\n";
  }
  // A peer that went away needs no answer.
  (void)co_await exchange.Respond(std::move(head), std::move(body));
}

}  // namespace cove::http
