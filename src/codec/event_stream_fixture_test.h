// Messages of Amazon's event stream, composed for tests.
#pragma once

#include "codec/event_stream.h"

namespace cove::codec {

// A number of so many bytes.
inline std::string Number(size_t value, int bytes) {
  std::string out;
  for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i));
  return out;
}

// A header of type string.
inline std::string Text(std::string_view name, std::string_view value) {
  return Number(name.size(), 1) + std::string(name) + "\x07" + Number(value.size(), 2) +
         std::string(value);
}

inline std::string Message(const std::string& headers, const std::string& payload) {
  std::string out = Number(16 + headers.size() + payload.size(), 4) + Number(headers.size(), 4);
  out += Number(Crc32(out), 4) + headers + payload;
  return out + Number(Crc32(out), 4);
}

}  // namespace cove::codec
