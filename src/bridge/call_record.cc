#include "bridge/call_record.h"

#include <array>
#include <cstring>

namespace cove::bridge {
namespace {

constexpr char kVersion = 1;

// The texts, in the order in which they stand.
template <class AnyCall>
auto TextsOf(AnyCall& call) {
  auto& start = call.start;
  return std::array{
      &call.id,      &start.org.value, &start.sandbox.value, &start.user, &start.template_name,
      &start.key_id, &start.token_id,  &start.provider,      &start.api,  &start.model,
      &start.client, &start.session,   &start.thread,        &start.turn};
}

void Put(std::string& out, uint64_t value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

bool Take(std::string_view& in, uint64_t& value) {
  if (in.size() < sizeof value) return false;
  std::memcpy(&value, in.data(), sizeof value);
  in.remove_prefix(sizeof value);
  return true;
}

}  // namespace

void WriteRecord(const Call& call, std::string& out) {
  out.assign(1, kVersion);
  out += call.start.stream ? '\1' : '\0';
  Put(out, static_cast<uint64_t>(call.started_at.micros));
  Put(out, call.start.request_bytes);
  for (const std::string* text : TextsOf(call)) {
    const size_t size = std::min(text->size(), CallLog::kNameBytesMax);  // as much as a row has
    const auto length = static_cast<uint16_t>(size);
    out.append(reinterpret_cast<const char*>(&length), sizeof length);
    out.append(*text, 0, size);
  }
}

std::optional<Call> ReadRecord(std::string_view record) {
  if (record.size() < 2 || record[0] != kVersion) return std::nullopt;
  Call call;
  call.start.stream = record[1] != 0;
  record.remove_prefix(2);
  uint64_t started = 0;
  if (!Take(record, started) || !Take(record, call.start.request_bytes)) return std::nullopt;
  call.started_at = WallTime{static_cast<int64_t>(started)};
  for (std::string* text : TextsOf(call)) {
    uint16_t length = 0;
    if (record.size() < sizeof length) return std::nullopt;
    std::memcpy(&length, record.data(), sizeof length);
    record.remove_prefix(sizeof length);
    if (record.size() < length) return std::nullopt;
    text->assign(record.substr(0, length));
    record.remove_prefix(length);
  }
  if (!record.empty()) return std::nullopt;
  return call;
}

}  // namespace cove::bridge
