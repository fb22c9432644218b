// HTTP messages as values, and bodies as streams. Semantics: RFC 9110; wire form: RFC 9112.
// Thread: values; bodies are loop-confined.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/stream.h"

namespace cove::http {

using async::Task;

// Fields in the order they came; names compare without case.
class Headers {
 public:
  using Field = std::pair<std::string, std::string>;
  Headers() = default;
  Headers(std::initializer_list<Field> fields) : fields_(fields) {}
  void Add(std::string name, std::string value) {
    fields_.emplace_back(std::move(name), std::move(value));
  }
  void Set(std::string_view name, std::string value);  // replaces all of that name
  void Remove(std::string_view name);
  // Adds to the first one's value; false when there is none.
  bool AppendTo(std::string_view name, std::string_view separator, std::string_view more);
  // The first one's value; nothing when absent. The view lives as long as this is not changed.
  std::optional<std::string_view> Get(std::string_view name) const;
  bool Has(std::string_view name) const { return Get(name).has_value(); }
  // Whether a comma-separated list header holds `token` (case-insensitive).
  bool HasToken(std::string_view name, std::string_view token) const;
  std::vector<Field>::const_iterator begin() const { return fields_.begin(); }
  std::vector<Field>::const_iterator end() const { return fields_.end(); }
  size_t size() const { return fields_.size(); }

 private:
  std::vector<Field> fields_;
};

struct RequestHead {
  std::string method;
  std::string target;  // as sent: "/path?query"
  Headers headers;

  // The target's parts, not decoded.
  std::string_view RawPath() const;
  std::string_view RawQuery() const;  // without '?'; empty when absent
  // The first value of a query parameter, decoded; all values in order.
  std::optional<std::string> Query(std::string_view name) const;
  std::vector<std::string> QueryAll(std::string_view name) const;
  std::string Host() const;  // the Host header, lower case, without the port
};

struct ResponseHead {
  int status = 200;
  Headers headers;
};

std::string_view ReasonPhrase(int status);

// A message body being received.
class BodyReader {
 public:
  virtual ~BodyReader() = default;
  // 0 at the end. kTooLarge past the limit, kClosed when the peer went away before the end.
  virtual Task<Result<size_t>> Read(std::span<char> buffer) = 0;
  // Content-Length when the sender gave one; 0 when the head said that no body follows.
  virtual std::optional<uint64_t> length() const = 0;
  // The fields after the body, once Read() gave 0. Null where the wire has none that are kept
  // (HTTP/1: they are dropped, RFC 9110 section 6.5.1).
  virtual const Headers* trailers() const { return nullptr; }
};

Task<Result<std::string>> ReadAll(BodyReader& body, size_t max_bytes);

// A message body being sent. Write() waits while the peer is slow (back-pressure).
class BodyWriter {
 public:
  virtual ~BodyWriter() = default;
  virtual Task<Result<void>> Write(std::string_view bytes) = 0;
  // REQUIRES: called exactly once, last. A writer destroyed before breaks the connection, so that
  // a cut body never looks whole.
  virtual Task<Result<void>> Finish() = 0;
  // The same, with fields after the body where the wire can carry them (HTTP/2).
  virtual Task<Result<void>> FinishWith(Headers /*trailers*/) { return Finish(); }
};

}  // namespace cove::http
