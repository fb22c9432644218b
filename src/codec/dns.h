// DNS messages: questions in, answers out (RFC 1035, 6891 for EDNS, 2308 for NODATA).
//
// Concept: the gateway answers every question itself, so only two shapes are needed: a strict
// reader of one-question queries, and a writer of answers that builds each byte anew. Nothing of a
// query is copied into an answer but its id, its flags RD and CD, and the question's labels.
// Names are given in lower case without a trailing dot; a label that holds a dot, or any byte
// outside visible ASCII, makes the name "unprintable": `name` is then empty and the answer can
// still be written from the raw labels.
// Thread: pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace cove::codec::dns {

inline constexpr uint16_t kTypeA = 1;
inline constexpr uint16_t kTypeSoa = 6;
inline constexpr uint16_t kTypePtr = 12;
inline constexpr uint16_t kTypeAaaa = 28;
inline constexpr uint16_t kTypeOpt = 41;
inline constexpr uint16_t kTypeHttps = 65;
inline constexpr uint16_t kTypeAny = 255;
inline constexpr uint16_t kClassIn = 1;

inline constexpr size_t kQueryBytesMax = 4096;
inline constexpr size_t kUdpBytesPlain = 512;
inline constexpr size_t kUdpBytesEdns = 1232;

enum class Rcode : uint8_t {
  kNoError = 0,
  kFormErr = 1,
  kServFail = 2,
  kNxDomain = 3,
  kNotImp = 4,
  kRefused = 5,
};

struct Query {
  uint16_t id = 0;
  bool recursion_desired = false;
  bool checking_disabled = false;
  std::string name;  // "example.com"; "" for the root or an unprintable name
  bool printable = true;
  std::string raw_name;  // wire form, with the ending zero
  uint16_t type = 0;
  uint16_t klass = 0;
  bool edns = false;
  size_t udp_bytes_max = kUdpBytesPlain;  // what the asker takes over UDP
};

// What is wrong with a message: kDrop gets no answer at all (an answer itself, or no header).
enum class Fault : uint8_t { kNone, kDrop, kFormErr, kNotImp };

struct Parsed {
  Fault fault = Fault::kNone;
  Query query;  // with a fault: only `id` is meaningful
};

Parsed ParseQuery(std::span<const uint8_t> message);

// Answers; each is a whole message. NODATA is kNoError without addresses.
struct Answer {
  Rcode rcode = Rcode::kNoError;
  uint32_t ttl_seconds = 60;
  std::vector<std::array<uint8_t, 4>> v4;   // for kTypeA
  std::vector<std::array<uint8_t, 16>> v6;  // for kTypeAaaa
};

// `bytes_max`: a longer message becomes an empty one with TC set (use 65535 over TCP).
std::vector<uint8_t> WriteAnswer(const Query& query, const Answer& answer, size_t bytes_max);
// An answer to a message of which only the id was readable.
std::vector<uint8_t> WriteFault(uint16_t id, Rcode rcode);

}  // namespace cove::codec::dns
