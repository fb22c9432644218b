// Errors as values.
//
// Concept: a function that can fail returns Result<T>: either a T or an Error. An Error says what
// kind of failure it was (a closed set of codes, which the outermost layer maps to an HTTP status
// or an exit code) and carries a text that grows a trail on its way up: each layer adds once what
// it was doing, so the reader learns what, where and what to do.
//
// Thread: values; no sharing.
#pragma once

#include <cerrno>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace cove {

enum class Code {
  kInvalid,          // the caller sent something that can never work
  kUnauthenticated,  // who are you?
  kDenied,           // you may not
  kNotFound,
  kConflict,   // exists already, or is in a state that forbids it
  kGone,       // existed once
  kTooLarge,   // a body, header or message over its limit
  kExhausted,  // a quota, the disk, memory, ids: the machine or a limit is full
  kTimeout,
  kUnavailable,  // a peer is down or not ready; trying again may work
  kClosed,       // the other side closed the connection
  kIo,           // a kernel call failed; sys_errno says how
  kInternal,     // a broken promise of our own
};

std::string_view CodeName(Code code);

class [[nodiscard]] Error {
 public:
  Error(Code code, std::string message, int sys_errno = 0)
      : code_(code), sys_errno_(sys_errno), message_(std::move(message)) {}

  // The error of a kernel call that has just failed: the code follows from errno, the text is
  // "what: strerror(errno)".
  static Error FromErrno(std::string_view what, int err = errno);

  Code code() const { return code_; }
  int sys_errno() const { return sys_errno_; }
  const std::string& message() const { return message_; }

  // Adds what the caller was doing in front of the text: "context: message".
  Error Wrap(std::string_view context) &&;

 private:
  Code code_;
  int sys_errno_;
  std::string message_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  using Value = T;
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  // REQUIRES: ok()
  T& value() & { return *Get(); }
  const T& value() const& { return *const_cast<Result*>(this)->Get(); }
  T&& value() && { return std::move(*Get()); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  // REQUIRES: !ok()
  Error& error() & { return *GetError(); }
  const Error& error() const& { return *const_cast<Result*>(this)->GetError(); }
  Error&& error() && { return std::move(*GetError()); }

 private:
  T* Get() {
    if (T* v = std::get_if<0>(&state_)) return v;
    std::abort();
  }
  Error* GetError() {
    if (Error* e = std::get_if<1>(&state_)) return e;
    std::abort();
  }
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  using Value = void;
  Result() : state_(std::in_place_index<0>) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }
  Error& error() & { return *GetError(); }
  const Error& error() const& { return *const_cast<Result*>(this)->GetError(); }
  Error&& error() && { return std::move(*GetError()); }

 private:
  Error* GetError() {
    if (Error* e = std::get_if<1>(&state_)) return e;
    std::abort();
  }
  std::variant<std::monostate, Error> state_;
};

inline Result<void> Ok() { return {}; }

}  // namespace cove

#define COVE_CONCAT_INNER(a, b) a##b
#define COVE_CONCAT(a, b) COVE_CONCAT_INNER(a, b)

#define RETURN_IF_ERROR(expr)                                            \
  do {                                                                   \
    if (auto cove_r = (expr); !cove_r) return std::move(cove_r).error(); \
  } while (0)

#define ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                          \
  if (!tmp) return std::move(tmp).error();    \
  lhs = *std::move(tmp)
#define ASSIGN_OR_RETURN(lhs, expr) \
  ASSIGN_OR_RETURN_IMPL(COVE_CONCAT(cove_result_, __LINE__), lhs, expr)

// The same inside a coroutine.
#define CO_RETURN_IF_ERROR(expr)                                            \
  do {                                                                      \
    if (auto cove_r = (expr); !cove_r) co_return std::move(cove_r).error(); \
  } while (0)

#define CO_ASSIGN_OR_RETURN_IMPL(tmp, lhs, expr) \
  auto tmp = (expr);                             \
  if (!tmp) co_return std::move(tmp).error();    \
  lhs = *std::move(tmp)
#define CO_ASSIGN_OR_RETURN(lhs, expr) \
  CO_ASSIGN_OR_RETURN_IMPL(COVE_CONCAT(cove_result_, __LINE__), lhs, expr)
