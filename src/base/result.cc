#include "base/result.h"

#include <cstring>

namespace cove {

std::string_view CodeName(Code code) {
  switch (code) {
    case Code::kInvalid:
      return "invalid";
    case Code::kUnauthenticated:
      return "unauthenticated";
    case Code::kDenied:
      return "denied";
    case Code::kNotFound:
      return "not_found";
    case Code::kConflict:
      return "conflict";
    case Code::kGone:
      return "gone";
    case Code::kTooLarge:
      return "too_large";
    case Code::kExhausted:
      return "exhausted";
    case Code::kTimeout:
      return "timeout";
    case Code::kUnavailable:
      return "unavailable";
    case Code::kClosed:
      return "closed";
    case Code::kIo:
      return "io";
    case Code::kInternal:
      return "internal";
  }
  return "internal";
}

namespace {

Code CodeOfErrno(int err) {
  switch (err) {
    case ENOENT:
    case ENOTDIR:
      return Code::kNotFound;
    case EEXIST:
    case ENOTEMPTY:
    case EBUSY:
      return Code::kConflict;
    case EACCES:
    case EPERM:
      return Code::kDenied;
    case ENOSPC:
    case EDQUOT:
    case EMFILE:
    case ENFILE:
    case ENOMEM:
      return Code::kExhausted;
    case ETIMEDOUT:
      return Code::kTimeout;
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return Code::kUnavailable;
    case EPIPE:
    case ECONNRESET:
      return Code::kClosed;
    case EINVAL:
    case ENAMETOOLONG:
    case EISDIR:
      return Code::kInvalid;
    default:
      return Code::kIo;
  }
}

}  // namespace

Error Error::FromErrno(std::string_view what, int err) {
  char buffer[128];
  // The GNU variant returns the text, which need not be in the buffer.
  const char* text = strerror_r(err, buffer, sizeof buffer);
  return {CodeOfErrno(err), std::string(what) + ": " + text, err};
}

Error Error::Wrap(std::string_view context) && {
  message_.insert(0, ": ");
  message_.insert(0, context);
  return std::move(*this);
}

}  // namespace cove
