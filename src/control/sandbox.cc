#include "control/sandbox.h"

#include <array>
#include <utility>

namespace cove::control {
namespace {

constexpr std::array<std::pair<State, std::string_view>, 13> kStates = {{
    {State::kCreating, "creating"},
    {State::kStarting, "starting"},
    {State::kStarted, "started"},
    {State::kStopping, "stopping"},
    {State::kStopped, "stopped"},
    {State::kPausing, "pausing"},
    {State::kPaused, "paused"},
    {State::kResuming, "resuming"},
    {State::kResizing, "resizing"},
    {State::kSnapshotting, "snapshotting"},
    {State::kDestroying, "destroying"},
    {State::kDestroyed, "destroyed"},
    {State::kError, "error"},
}};

constexpr std::array<std::pair<Activity, std::string_view>, 5> kActivities = {{
    {Activity::kApi, "api"},
    {Activity::kPreview, "preview"},
    {Activity::kTerminal, "terminal"},
    {Activity::kCommand, "command"},
    {Activity::kModel, "model"},
}};

}  // namespace

std::string_view ActivityName(Activity activity) {
  for (const auto& [a, name] : kActivities) {
    if (a == activity) return name;
  }
  return "asked";
}

std::optional<Activity> ParseActivity(std::string_view name) {
  for (const auto& [a, text] : kActivities) {
    if (text == name) return a;
  }
  return std::nullopt;
}

std::string_view StateName(State state) {
  for (const auto& [s, name] : kStates) {
    if (s == state) return name;
  }
  return "unknown";
}

std::optional<State> ParseState(std::string_view name) {
  for (const auto& [s, text] : kStates) {
    if (text == name) return s;
  }
  return std::nullopt;
}

std::string_view DesiredName(Desired desired) {
  switch (desired) {
    case Desired::kStarted:
      return "started";
    case Desired::kStopped:
      return "stopped";
    case Desired::kPaused:
      return "paused";
    case Desired::kDestroyed:
      return "destroyed";
  }
  return "unknown";
}

std::string_view SnapshotStateName(SnapshotState state) {
  switch (state) {
    case SnapshotState::kCreating:
      return "snapshotting";
    case SnapshotState::kActive:
      return "active";
    case SnapshotState::kError:
      return "error";
  }
  return "unknown";
}

std::optional<WallTime> Sandbox::auto_destroy_at() const {
  if (intervals.ttl <= 0) return std::nullopt;
  return WallTime{ttl_since.micros + int64_t{intervals.ttl} * 60 * 1'000'000};
}

}  // namespace cove::control
