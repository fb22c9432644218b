#include "control/list.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <span>

#include "base/text.h"

namespace cove::control {
namespace {

template <class T>
bool IsOneOf(const std::vector<T>& list, const T& value) {
  return list.empty() || std::find(list.begin(), list.end(), value) != list.end();
}

bool Within(double value, const std::optional<double>& least, const std::optional<double>& most) {
  return (!least || value >= *least) && (!most || value <= *most);
}

bool Between(WallTime t, const std::optional<WallTime>& after,
             const std::optional<WallTime>& before) {
  return (!after || t >= *after) && (!before || t <= *before);
}

bool HasLabels(const Labels& have, const Labels& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& label) {
    auto it = have.find(label.first);
    return it != have.end() && it->second == label.second;
  });
}

bool Matches(const Sandbox& s, const ListQuery& q) {
  if (!s.id.value.starts_with(q.id)) return false;
  if (s.name.find(q.name) == std::string::npos) return false;
  if (!HasLabels(s.labels, q.labels)) return false;
  if (!IsOneOf(q.states, s.state) || !IsOneOf(q.snapshots, s.snapshot)) return false;
  if (!IsOneOf(q.targets, s.target)) return false;
  if (!Within(s.resources.cpu, q.cpu_min, q.cpu_max)) return false;
  if (!Within(s.resources.memory_gib, q.memory_gib_min, q.memory_gib_max)) return false;
  if (!Within(s.resources.disk_gib, q.disk_gib_min, q.disk_gib_max)) return false;
  if (q.is_public && *q.is_public != s.is_public) return false;
  if (q.is_recoverable && *q.is_recoverable != s.recoverable()) return false;
  if (!Between(s.created_at, q.created_after, q.created_before)) return false;
  if (!Between(s.last_activity_at, q.active_after, q.active_before)) return false;
  if (q.destroyed_after || q.destroyed_before) {
    const auto at = s.auto_destroy_at();
    if (!at || !Between(*at, q.destroyed_after, q.destroyed_before)) return false;
  }
  return true;
}

// Text that sorts as the key does, then by id, so that every place in the order has one name.
std::string PlaceOf(const Sandbox& s, SortKey key) {
  const auto number = [](double v) { return fmt::format("{:020}", std::llround(v * 1000)); };
  std::string text;
  switch (key) {
    case SortKey::kCreatedAt:
      text = fmt::format("{:020}", s.created_at.micros);
      break;
    case SortKey::kLastActivityAt:
      text = fmt::format("{:020}", s.last_activity_at.micros);
      break;
    case SortKey::kName:
      text = s.name;
      break;
    case SortKey::kCpu:
      text = number(s.resources.cpu);
      break;
    case SortKey::kMemory:
      text = number(s.resources.memory_gib);
      break;
    case SortKey::kDisk:
      text = number(s.resources.disk_gib);
      break;
  }
  return text + "\n" + s.id.value;
}

std::string EncodeCursor(const std::string& place) {
  return ToHex(std::as_bytes(std::span(place)));
}

std::optional<std::string> DecodeCursor(std::string_view cursor) {
  std::string place;
  if (cursor.size() % 2 != 0) return std::nullopt;
  for (size_t i = 0; i < cursor.size(); i += 2) {
    const auto byte = ParseInt<unsigned>(cursor.substr(i, 2), 16);
    if (!byte) return std::nullopt;
    place.push_back(static_cast<char>(*byte));
  }
  return place;
}

}  // namespace

Result<ListPage> ListSandboxes(std::vector<const Sandbox*> all, const ListQuery& query) {
  if (query.limit < 1 || query.limit > kListLimitMax) {
    return Error(Code::kInvalid, "limit must be from 1 to 200");
  }
  const auto after = DecodeCursor(query.cursor);
  if (!after) return Error(Code::kInvalid, "the cursor is not one that a list gave; leave it out");

  std::vector<std::pair<std::string, const Sandbox*>> found;
  for (const Sandbox* s : all) {
    if (Matches(*s, query)) found.emplace_back(PlaceOf(*s, query.sort), s);
  }
  std::sort(found.begin(), found.end());
  if (query.order == SortOrder::kDescending) std::reverse(found.begin(), found.end());

  ListPage page;
  page.total = found.size();
  for (const auto& [place, sandbox] : found) {
    const bool seen = query.order == SortOrder::kAscending ? place <= *after : place >= *after;
    if (!query.cursor.empty() && seen) continue;
    if (page.items.size() == query.limit) {
      page.next_cursor = EncodeCursor(PlaceOf(page.items.back(), query.sort));
      break;
    }
    page.items.push_back(*sandbox);
  }
  return page;
}

}  // namespace cove::control
