// The data types of SSH messages (RFC 4251 section 5), read strictly. Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cove::gateway {

// Takes values off the front of a view. After a failure everything fails.
class SshReader {
 public:
  explicit SshReader(std::string_view bytes) : left_(bytes) {}
  uint8_t Byte();
  uint32_t Number();
  std::string_view Text();  // a string: its length and its bytes
  bool Take(std::string_view literal);
  // All was there, and nothing is left.
  bool Complete() const { return !failed_ && left_.empty(); }
  bool failed() const { return failed_; }
  std::string_view left() const { return left_; }

 private:
  std::string_view Next(size_t size);
  std::string_view left_;
  bool failed_ = false;
};

std::string SshNumber(uint32_t value);
std::string SshText(std::string_view bytes);

}  // namespace cove::gateway
