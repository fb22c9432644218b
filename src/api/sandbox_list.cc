#include "api/call.h"
#include "api/sandbox_dto.h"
#include "base/text.h"

namespace cove::api {
namespace {

using control::ListQuery;

Error Bad(std::string_view name, std::string_view wanted) {
  return Error(Code::kInvalid,
               "the query parameter '" + std::string(name) + "' must be " + std::string(wanted));
}

Result<std::optional<double>> NumberQuery(const http::RequestHead& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text || text->empty()) return std::optional<double>();
  double value = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
  if (error != std::errc{} || end != text->data() + text->size()) return Bad(name, "a number");
  return std::optional<double>(value);
}

Result<std::optional<bool>> BoolQuery(const http::RequestHead& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text || text->empty()) return std::optional<bool>();
  if (*text != "true" && *text != "false") return Bad(name, "true or false");
  return std::optional<bool>(*text == "true");
}

Result<std::optional<WallTime>> TimeQuery(const http::RequestHead& request, std::string_view name) {
  const auto text = request.Query(name);
  if (!text || text->empty()) return std::optional<WallTime>();
  const auto time = ParseIso(*text);
  if (!time) return Bad(name, "a time like 2026-11-21T01:02:03Z");
  return time;
}

Result<void> ParseLabels(const http::RequestHead& request, ListQuery& out) {
  const auto text = request.Query("labels");
  if (!text || text->empty()) return Ok();
  auto object = json::ParseObject(*text);
  if (!object) return Bad("labels", "a JSON object of texts");
  for (const auto& [key, value] : *object) {
    if (!value.is_string()) return Bad("labels", "a JSON object of texts");
    out.labels[std::string(key)] = std::string(value.as_string());
  }
  return Ok();
}

// States that this server never is in match nothing; a word that is no state at all is an error.
Result<void> ParseStates(const http::RequestHead& request, ListQuery& out) {
  const auto names = request.QueryAll("states");
  for (const std::string& name : names) {
    if (const auto state = control::ParseState(name)) {
      out.states.push_back(*state);
    } else if (name != "archived" && name != "archiving" && name != "build_failed" &&
               name != "building_snapshot" && name != "forking" && name != "paused" &&
               name != "pausing" && name != "pending_build" && name != "pulling_snapshot" &&
               name != "resizing" && name != "restoring" && name != "resuming" &&
               name != "unknown") {
      return Bad("states", "states of a sandbox");
    }
  }
  if (!names.empty() && out.states.empty()) out.states.push_back(control::State::kDestroyed);
  return Ok();
}

Result<void> ParseRanges(const http::RequestHead& request, ListQuery& out) {
  ASSIGN_OR_RETURN(out.cpu_min, NumberQuery(request, "minCpu"));
  ASSIGN_OR_RETURN(out.cpu_max, NumberQuery(request, "maxCpu"));
  ASSIGN_OR_RETURN(out.memory_gib_min, NumberQuery(request, "minMemoryGiB"));
  ASSIGN_OR_RETURN(out.memory_gib_max, NumberQuery(request, "maxMemoryGiB"));
  ASSIGN_OR_RETURN(out.disk_gib_min, NumberQuery(request, "minDiskGiB"));
  ASSIGN_OR_RETURN(out.disk_gib_max, NumberQuery(request, "maxDiskGiB"));
  ASSIGN_OR_RETURN(out.is_public, BoolQuery(request, "isPublic"));
  ASSIGN_OR_RETURN(out.is_recoverable, BoolQuery(request, "isRecoverable"));
  ASSIGN_OR_RETURN(out.created_after, TimeQuery(request, "createdAtAfter"));
  ASSIGN_OR_RETURN(out.created_before, TimeQuery(request, "createdAtBefore"));
  ASSIGN_OR_RETURN(out.active_after, TimeQuery(request, "lastEventAfter"));
  ASSIGN_OR_RETURN(out.active_before, TimeQuery(request, "lastEventBefore"));
  ASSIGN_OR_RETURN(out.destroyed_after, TimeQuery(request, "autoDestroyAtAfter"));
  ASSIGN_OR_RETURN(out.destroyed_before, TimeQuery(request, "autoDestroyAtBefore"));
  return Ok();
}

Result<void> ParseSort(const http::RequestHead& request, ListQuery& out) {
  const std::string sort = request.Query("sort").value_or("createdAt");
  if (sort == "createdAt" || sort.empty()) {
    out.sort = control::SortKey::kCreatedAt;
  } else if (sort == "lastActivityAt") {
    out.sort = control::SortKey::kLastActivityAt;
  } else if (sort == "name") {
    out.sort = control::SortKey::kName;
  } else if (sort == "cpu") {
    out.sort = control::SortKey::kCpu;
  } else if (sort == "memoryGib") {
    out.sort = control::SortKey::kMemory;
  } else if (sort == "diskGib") {
    out.sort = control::SortKey::kDisk;
  } else {
    return Bad("sort", "name, cpu, memoryGib, diskGib, lastActivityAt or createdAt");
  }
  const std::string order = request.Query("order").value_or("desc");
  if (order != "asc" && order != "desc") return Bad("order", "asc or desc");
  out.order = order == "asc" ? control::SortOrder::kAscending : control::SortOrder::kDescending;
  return Ok();
}

}  // namespace

Result<ListQuery> ParseListQuery(const http::RequestHead& request) {
  ListQuery out;
  out.cursor = request.Query("cursor").value_or("");
  if (const auto limit = request.Query("limit"); limit && !limit->empty()) {
    const auto number = ParseInt<size_t>(*limit);
    if (!number || *number < 1 || *number > 200) return Bad("limit", "a number from 1 to 200");
    out.limit = *number;
  }
  out.id = request.Query("id").value_or("");
  out.name = request.Query("name").value_or("");
  out.snapshots = request.QueryAll("snapshots");
  out.targets = request.QueryAll("regionIds");
  RETURN_IF_ERROR(ParseLabels(request, out));
  RETURN_IF_ERROR(ParseStates(request, out));
  RETURN_IF_ERROR(ParseRanges(request, out));
  RETURN_IF_ERROR(ParseSort(request, out));
  return out;
}

}  // namespace cove::api
