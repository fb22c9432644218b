// ClientHellos for tests. Thread: pure functions.
#pragma once

#include <string>

namespace cove::gateway {

inline std::string Number(size_t value, size_t width) {
  std::string out;
  for (size_t i = width; i > 0; --i) out += static_cast<char>(value >> (8 * (i - 1)));
  return out;
}
inline std::string Vector(const std::string& body, size_t width) {
  return Number(body.size(), width) + body;
}
inline std::string Hello(const std::string& name, const std::string& more = {}) {
  std::string extensions = more;
  if (!name.empty()) {
    extensions += Number(0, 2) + Vector(Vector(std::string(1, '\0') + Vector(name, 2), 2), 2);
  }
  const std::string body = Number(0x0303, 2) + std::string(32, 'r') + Vector("", 1) +
                           Vector(Number(0x1301, 2), 2) + Vector(std::string(1, '\0'), 1) +
                           Vector(extensions, 2);
  return std::string("\x16\x03\x01", 3) + Vector(std::string(1, 1) + Vector(body, 3), 2);
}

}  // namespace cove::gateway
