#include "gateway/stand_ins.h"

namespace cove::gateway {
namespace {

constexpr uint8_t kNet[2] = {33, 33};
// 33.33.0.1 is the model gateway's; names are spread over 33.33.1.0 to 33.33.255.255.
constexpr uint16_t kModelSlot = 1;
constexpr uint32_t kFirstSlot = 256;
constexpr uint32_t kSlots = 65536 - kFirstSlot;

policy::Address OfSlot(uint16_t slot) {
  return policy::Address::V4(kNet[0], kNet[1], static_cast<uint8_t>(slot >> 8),
                             static_cast<uint8_t>(slot));
}

// FNV-1a: any even spread will do, but it has to be the same in every build.
uint16_t SlotOf(std::string_view host) {
  if (host == kModelHost) return kModelSlot;
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : host) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3;
  return static_cast<uint16_t>(kFirstSlot + (hash ^ hash >> 32) % kSlots);
}

}  // namespace

bool StandIns::InRange(const policy::Address& address) {
  return !address.v6 && address.bytes[0] == kNet[0] && address.bytes[1] == kNet[1];
}

policy::Address StandIns::FirstChoice(std::string_view host) { return OfSlot(SlotOf(host)); }

policy::Address StandIns::AddressOf(std::string_view host) {
  if (const auto known = by_host_.find(std::string(host)); known != by_host_.end()) {
    Touch(known->second);
    return OfSlot(known->second->slot);
  }
  if (entries_.size() >= kStandInsMax) {
    by_host_.erase(entries_.back().host);
    by_slot_.erase(entries_.back().slot);
    entries_.pop_back();
  }
  // There are 15 slots for every name the table may hold, so this ends soon.
  uint16_t slot = SlotOf(host);
  while (by_slot_.contains(slot)) {
    slot = static_cast<uint16_t>(kFirstSlot + (slot - kFirstSlot + 1) % kSlots);
  }
  entries_.push_front({std::string(host), slot});
  by_host_[entries_.front().host] = entries_.begin();
  by_slot_[slot] = entries_.begin();
  return OfSlot(slot);
}

std::optional<std::string> StandIns::NameOf(const policy::Address& address) {
  if (!InRange(address)) return std::nullopt;
  const auto slot = static_cast<uint16_t>(address.bytes[2] << 8 | address.bytes[3]);
  if (slot == kModelSlot) return std::string(kModelHost);
  const auto it = by_slot_.find(slot);
  if (it == by_slot_.end()) return std::nullopt;
  Touch(it->second);
  return it->second->host;
}

}  // namespace cove::gateway
