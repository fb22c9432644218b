#include "codec/dns.h"

#include <algorithm>

namespace cove::codec::dns {
namespace {

constexpr size_t kHeaderBytes = 12;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kLabelBytesMax = 63;
constexpr uint16_t kFlagResponse = 0x8000;
constexpr uint16_t kFlagTruncated = 0x0200;
constexpr uint16_t kFlagRecursionDesired = 0x0100;
constexpr uint16_t kFlagRecursionAvailable = 0x0080;
constexpr uint16_t kFlagCheckingDisabled = 0x0010;
constexpr uint16_t kOpcodeMask = 0x7800;
constexpr size_t kAdditionalMax = 4;
constexpr uint32_t kNegativeTtl = 30;

class Reader {
 public:
  explicit Reader(std::span<const uint8_t> bytes) : bytes_(bytes) {}
  bool ok() const { return ok_; }
  bool at_end() const { return at_ == bytes_.size(); }
  uint8_t U8() { return Need(1) ? bytes_[at_++] : 0; }
  uint16_t U16() {
    const uint16_t high = U8();
    return static_cast<uint16_t>(high << 8 | U8());
  }
  uint32_t U32() {
    const uint32_t high = U16();
    return high << 16 | U16();
  }
  std::span<const uint8_t> Take(size_t n) {
    if (!Need(n)) return {};
    at_ += n;
    return bytes_.subspan(at_ - n, n);
  }

 private:
  bool Need(size_t n) {
    ok_ = ok_ && bytes_.size() - at_ >= n;
    return ok_;
  }
  std::span<const uint8_t> bytes_;
  size_t at_ = 0;
  bool ok_ = true;
};

// A question's name: plain labels only. Compression has nothing to point at there, and its absence
// means there is no loop to guard against.
bool ReadName(Reader& in, Query& query) {
  for (;;) {
    const uint8_t size = in.U8();
    if (!in.ok() || size > kLabelBytesMax) return false;
    query.raw_name += static_cast<char>(size);
    if (query.raw_name.size() > kNameBytesMax) return false;
    if (size == 0) break;
    if (!query.name.empty()) query.name += '.';
    for (const uint8_t byte : in.Take(size)) {
      query.raw_name += static_cast<char>(byte);
      if (byte <= 0x20 || byte >= 0x7f || byte == '.') query.printable = false;
      const bool upper = byte >= 'A' && byte <= 'Z';
      query.name += static_cast<char>(upper ? byte + 32 : byte);
    }
    if (!in.ok()) return false;
  }
  if (query.raw_name.size() > kNameBytesMax) return false;
  if (!query.printable) query.name.clear();
  return true;
}

// The additional section may hold one OPT record; anything else in it is skipped unread.
bool ReadAdditional(Reader& in, size_t count, Query& query) {
  for (size_t i = 0; i < count; ++i) {
    if (in.U8() != 0) return false;  // the root: the only owner name OPT may have
    const uint16_t type = in.U16();
    const uint16_t klass = in.U16();
    in.U32();
    in.Take(in.U16());
    if (!in.ok()) return false;
    if (type != kTypeOpt) continue;
    if (query.edns) return false;
    query.edns = true;
    query.udp_bytes_max = std::clamp<size_t>(klass, kUdpBytesPlain, kUdpBytesEdns);
  }
  return true;
}

void Put16(std::vector<uint8_t>& out, uint16_t value) {
  out.push_back(static_cast<uint8_t>(value >> 8));
  out.push_back(static_cast<uint8_t>(value));
}

void Put32(std::vector<uint8_t>& out, uint32_t value) {
  Put16(out, static_cast<uint16_t>(value >> 16));
  Put16(out, static_cast<uint16_t>(value));
}

void PutRecord(std::vector<uint8_t>& out, uint16_t type, uint32_t ttl,
               std::span<const uint8_t> data) {
  Put16(out, 0xc000 | kHeaderBytes);  // the question's name
  Put16(out, type);
  Put16(out, kClassIn);
  Put32(out, ttl);
  Put16(out, static_cast<uint16_t>(data.size()));
  out.insert(out.end(), data.begin(), data.end());
}

// Negative answers carry a SOA so that stub resolvers cache them for a little while (RFC 2308).
void PutSoa(std::vector<uint8_t>& out) {
  std::vector<uint8_t> data = {0, 0};  // mname and rname: the root
  Put32(data, 1);
  Put32(data, 3600);
  Put32(data, 600);
  Put32(data, 86400);
  Put32(data, kNegativeTtl);
  PutRecord(out, kTypeSoa, kNegativeTtl, data);
}

void PutOpt(std::vector<uint8_t>& out) {
  out.push_back(0);
  Put16(out, kTypeOpt);
  Put16(out, kUdpBytesEdns);
  Put32(out, 0);
  Put16(out, 0);
}

std::vector<uint8_t> Build(const Query& query, const Answer& answer, bool truncated) {
  const bool a = query.type == kTypeA && !truncated;
  const bool aaaa = query.type == kTypeAaaa && !truncated;
  const size_t count = a ? answer.v4.size() : aaaa ? answer.v6.size() : 0;
  const bool negative = count == 0 && !truncated &&
                        (answer.rcode == Rcode::kNoError || answer.rcode == Rcode::kNxDomain);
  std::vector<uint8_t> out;
  Put16(out, query.id);
  Put16(out, static_cast<uint16_t>(kFlagResponse | kFlagRecursionAvailable |
                                   (truncated ? kFlagTruncated : 0) |
                                   (query.recursion_desired ? kFlagRecursionDesired : 0) |
                                   (query.checking_disabled ? kFlagCheckingDisabled : 0) |
                                   static_cast<uint16_t>(answer.rcode)));
  Put16(out, 1);
  Put16(out, static_cast<uint16_t>(count));
  Put16(out, negative ? 1 : 0);
  Put16(out, query.edns ? 1 : 0);
  out.insert(out.end(), query.raw_name.begin(), query.raw_name.end());
  Put16(out, query.type);
  Put16(out, query.klass);
  if (a) {
    for (const auto& ip : answer.v4) PutRecord(out, kTypeA, answer.ttl_seconds, ip);
  }
  if (aaaa) {
    for (const auto& ip : answer.v6) PutRecord(out, kTypeAaaa, answer.ttl_seconds, ip);
  }
  if (negative) PutSoa(out);
  if (query.edns) PutOpt(out);
  return out;
}

}  // namespace

Parsed ParseQuery(std::span<const uint8_t> message) {
  Parsed out;
  Reader in(message);
  Query& query = out.query;
  query.id = in.U16();
  const uint16_t flags = in.U16();
  const uint16_t questions = in.U16();
  const uint16_t answers = in.U16();
  const uint16_t authorities = in.U16();
  const uint16_t additional = in.U16();
  // Answering an answer could make two servers talk to each other for ever.
  if (!in.ok() || (flags & kFlagResponse) != 0) {
    out.fault = Fault::kDrop;
    return out;
  }
  query.recursion_desired = (flags & kFlagRecursionDesired) != 0;
  query.checking_disabled = (flags & kFlagCheckingDisabled) != 0;
  out.fault = Fault::kFormErr;
  if ((flags & kOpcodeMask) != 0) {
    out.fault = Fault::kNotImp;
    return out;
  }
  if (message.size() > kQueryBytesMax || questions != 1 || answers != 0 || authorities != 0 ||
      additional > kAdditionalMax) {
    return out;
  }
  if (!ReadName(in, query)) return out;
  query.type = in.U16();
  query.klass = in.U16();
  if (!in.ok() || !ReadAdditional(in, additional, query) || !in.at_end()) return out;
  out.fault = Fault::kNone;
  return out;
}

std::vector<uint8_t> WriteAnswer(const Query& query, const Answer& answer, size_t bytes_max) {
  std::vector<uint8_t> out = Build(query, answer, false);
  if (out.size() > bytes_max) out = Build(query, answer, true);
  return out;
}

std::vector<uint8_t> WriteFault(uint16_t id, Rcode rcode) {
  std::vector<uint8_t> out;
  Put16(out, id);
  Put16(out, static_cast<uint16_t>(kFlagResponse | kFlagRecursionAvailable |
                                   static_cast<uint16_t>(rcode)));
  for (int i = 0; i < 4; ++i) Put16(out, 0);
  return out;
}

}  // namespace cove::codec::dns
