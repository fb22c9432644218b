#include "codec/socks.h"

#include <algorithm>

namespace cove::codec {
namespace {

constexpr char kVersion = 5;
constexpr char kAddressV4 = 1;
constexpr char kAddressName = 3;
constexpr char kAddressV6 = 4;
constexpr size_t kBeforeAddress = 4;  // version, command, reserved, type of address
constexpr size_t kPortBytes = 2;

uint8_t Byte(std::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

// How many bytes a message has as far as its first ones tell.
size_t GreetingBytes(std::string_view buffer) {
  if (buffer.empty()) return 1;
  return buffer.size() < 2 ? 2 : size_t{2} + Byte(buffer, 1);
}
size_t RequestBytes(std::string_view buffer) {
  if (buffer.empty()) return 1;
  if (buffer.size() <= kBeforeAddress) return kBeforeAddress + 1;
  switch (buffer[3]) {
    case kAddressV4:
      return kBeforeAddress + 4 + kPortBytes;
    case kAddressV6:
      return kBeforeAddress + 16 + kPortBytes;
    default:
      return kBeforeAddress + 1 + Byte(buffer, kBeforeAddress) + kPortBytes;
  }
}

}  // namespace

SocksParser::State SocksParser::Next(std::string_view* in) {
  if (state_ == State::kGreeted) {
    state_ = State::kRequest;
    buffer_.clear();
  }
  if (state_ != State::kGreeting && state_ != State::kRequest) return state_;
  for (;;) {
    const size_t whole =
        state_ == State::kGreeting ? GreetingBytes(buffer_) : RequestBytes(buffer_);
    if (buffer_.size() < whole) {
      const size_t n = std::min(whole - buffer_.size(), in->size());
      buffer_.append(in->substr(0, n));
      in->remove_prefix(n);
      if (!buffer_.empty() && buffer_[0] != kVersion) return state_ = State::kBad;
      if (n == 0) return state_;
      continue;
    }
    return state_ = state_ == State::kGreeting ? TakeGreeting() : TakeRequest();
  }
}

SocksParser::State SocksParser::TakeGreeting() {
  const std::string_view methods = std::string_view(buffer_).substr(2);
  return methods.find('\0') != methods.npos ? State::kGreeted : State::kNoMethod;
}

SocksParser::State SocksParser::TakeRequest() {
  const uint8_t command = Byte(buffer_, 1);
  if (command < 1 || command > 3) return State::kBadCommand;
  if (buffer_[2] != 0) return State::kBad;
  request_.command = static_cast<SocksCommand>(command);
  const std::string_view rest = std::string_view(buffer_).substr(kBeforeAddress);
  const std::string_view address = rest.substr(0, rest.size() - kPortBytes);
  switch (buffer_[3]) {
    case kAddressV4:
      std::copy_n(address.begin(), 4, request_.v4.emplace().begin());
      break;
    case kAddressV6:
      std::copy_n(address.begin(), 16, request_.v6.emplace().begin());
      break;
    case kAddressName:
      request_.name = address.substr(1);
      break;
    default:
      return State::kBadAddress;
  }
  const size_t end = buffer_.size() - kPortBytes;
  request_.port = static_cast<uint16_t>(Byte(buffer_, end) << 8 | Byte(buffer_, end + 1));
  return State::kDone;
}

std::string WriteSocksReply(SocksReply reply) {
  return {kVersion, static_cast<char>(reply), 0, kAddressV4, 0, 0, 0, 0, 0, 0};
}

}  // namespace cove::codec
