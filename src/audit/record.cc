#include "audit/record.h"

#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <boost/json/object.hpp>

#include "base/text.h"
#include "json/json.h"

namespace cove::audit {
namespace {

constexpr std::pair<Kind, std::string_view> kKinds[] = {{Kind::kDecision, "decision"},
                                                        {Kind::kClose, "close"},
                                                        {Kind::kOom, "oom"},
                                                        {Kind::kDown, "down"},
                                                        {Kind::kPruned, "pruned"}};

std::string Text(const json::Object& object, std::string_view key) {
  return json::GetString(object, key).value_or("");
}
template <class Int = uint64_t>
Int Number(const json::Object& object, std::string_view key) {
  return static_cast<Int>(json::GetInt(object, key).value_or(0));
}

// Empty texts and zeroes are left out: a line stays short, and absent means the same.
void PutText(json::Object& out, std::string_view key, std::string_view text) {
  if (!text.empty()) out.emplace(key, CleanText(text));
}
void PutNumber(json::Object& out, std::string_view key, uint64_t value) {
  if (value != 0) out.emplace(key, static_cast<int64_t>(value));
}

}  // namespace

std::string_view KindName(Kind kind) {
  return std::find_if(std::begin(kKinds), std::end(kKinds),
                      [kind](const auto& one) { return one.first == kind; })
      ->second;
}
std::optional<Kind> KindOf(std::string_view name) {
  for (const auto& [kind, its_name] : kKinds) {
    if (its_name == name) return kind;
  }
  return std::nullopt;
}

Record CloseOf(Record decision) {
  Record close = std::move(decision);
  close.kind = Kind::kClose;
  close.decision = close.seq;
  for (std::string* said_already : {&close.rule, &close.layer, &close.reason, &close.method,
                                    &close.path, &close.detail, &close.secrets}) {
    said_already->clear();
  }
  return close;
}

std::string CleanText(std::string_view text) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\\') {
      out += "\\\\";
    } else if (byte >= 0x20 && byte < 0x7f) {
      out += c;
    } else {
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
    if (out.size() >= kFieldBytesMax) {
      out.resize(kFieldBytesMax);
      break;
    }
  }
  return out;
}

std::string WriteLine(const Record& record, std::string_view prev) {
  json::Object out;
  out.emplace("seq", static_cast<int64_t>(record.seq));
  out.emplace("time", FormatIso(record.time));
  out.emplace("micros", record.time.micros);
  out.emplace("kind", KindName(record.kind));
  PutText(out, "sandbox", record.sandbox.value);
  PutText(out, "user", record.user);
  PutText(out, "channel", record.channel);
  if (IsVerdict(record.kind)) out.emplace("allow", record.allow);
  PutText(out, "host", record.host);
  PutNumber(out, "port", record.port);
  PutText(out, "claimed", record.claimed);
  PutText(out, "rule", record.rule);
  PutText(out, "layer", record.layer);
  PutText(out, "reason", record.reason);
  PutText(out, "method", record.method);
  PutText(out, "path", record.path);
  PutText(out, "detail", record.detail);
  PutText(out, "secrets", record.secrets);
  PutNumber(out, "repeats", record.repeats);
  PutNumber(out, "decision", record.decision);
  PutText(out, "address", record.address);
  PutNumber(out, "bytes_out", record.bytes_out);
  PutNumber(out, "bytes_in", record.bytes_in);
  PutNumber(out, "requests", record.requests);
  PutNumber(out, "duration_micros", static_cast<uint64_t>(record.duration_micros));
  PutNumber(out, "kills", record.kills);
  PutNumber(out, "removed_to", record.removed_to);
  PutText(out, "removed_hash", record.removed_hash);
  out.emplace("prev", prev);
  return json::Write(out);
}

Result<Line> ParseLine(std::string_view text) {
  ASSIGN_OR_RETURN(const json::Object in, json::ParseObject(text));
  Line line;
  Record& r = line.record;
  const auto kind = KindOf(Text(in, "kind"));
  const auto seq = json::GetInt(in, "seq");
  line.prev = Text(in, "prev");
  if (!seq || *seq < 1 || line.prev.size() != kGenesis.size() || !kind) {
    return Error(Code::kInvalid, "the line is not an audit record");
  }
  r.seq = static_cast<uint64_t>(*seq);
  r.time.micros = Number<int64_t>(in, "micros");
  r.kind = *kind;
  r.sandbox = SandboxId(Text(in, "sandbox"));
  r.user = Text(in, "user");
  r.channel = Text(in, "channel");
  r.allow = json::GetBool(in, "allow").value_or(false);
  r.host = Text(in, "host");
  r.port = Number<uint16_t>(in, "port");
  r.claimed = Text(in, "claimed");
  r.rule = Text(in, "rule");
  r.layer = Text(in, "layer");
  r.reason = Text(in, "reason");
  r.method = Text(in, "method");
  r.path = Text(in, "path");
  r.detail = Text(in, "detail");
  r.secrets = Text(in, "secrets");
  r.repeats = Number(in, "repeats");
  r.decision = Number(in, "decision");
  r.address = Text(in, "address");
  r.bytes_out = Number(in, "bytes_out");
  r.bytes_in = Number(in, "bytes_in");
  r.requests = Number(in, "requests");
  r.duration_micros = Number<int64_t>(in, "duration_micros");
  r.kills = Number(in, "kills");
  r.removed_to = Number(in, "removed_to");
  r.removed_hash = Text(in, "removed_hash");
  return line;
}

std::string HashLine(std::string_view line) {
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  SHA256(reinterpret_cast<const unsigned char*>(line.data()), line.size(), digest.data());
  return ToHex(std::as_bytes(std::span(digest)));
}

}  // namespace cove::audit
