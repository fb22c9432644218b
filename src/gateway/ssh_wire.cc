#include "gateway/ssh_wire.h"

namespace cove::gateway {

std::string_view SshReader::Next(size_t size) {
  if (failed_ || size > left_.size()) {
    failed_ = true;
    return {};
  }
  const std::string_view out = left_.substr(0, size);
  left_.remove_prefix(size);
  return out;
}

uint8_t SshReader::Byte() {
  const std::string_view one = Next(1);
  return one.empty() ? uint8_t{0} : static_cast<uint8_t>(one[0]);
}

uint32_t SshReader::Number() {
  uint32_t out = 0;
  for (const char c : Next(4)) out = out << 8 | static_cast<uint8_t>(c);
  return out;
}

std::string_view SshReader::Text() {
  const uint32_t size = Number();
  return Next(size);
}

bool SshReader::Take(std::string_view literal) {
  failed_ |= Next(literal.size()) != literal;
  return !failed_;
}

std::string SshNumber(uint32_t value) {
  std::string out;
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<char>(value >> shift));
  return out;
}

std::string SshText(std::string_view bytes) {
  return SshNumber(static_cast<uint32_t>(bytes.size())) + std::string(bytes);
}

}  // namespace cove::gateway
