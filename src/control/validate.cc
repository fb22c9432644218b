#include "control/validate.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "control/gib.h"
#include "net/socket.h"

namespace cove::control {
namespace {

constexpr int kPidsMin = 16;

bool IsAlnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

Error Invalid(std::string text) { return Error(Code::kInvalid, std::move(text)); }

bool IsEnvName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) { return IsAlnum(c) || c == '_'; });
}

bool HasControl(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

Result<void> CheckCidr(std::string_view cidr) {
  const size_t slash = cidr.find('/');
  if (slash != std::string_view::npos) {
    const auto address = net::SocketAddress::FromIp(cidr.substr(0, slash), 0);
    const auto bits = ParseInt<unsigned>(cidr.substr(slash + 1));
    if (address && bits && *bits <= (address->family() == AF_INET ? 32u : 128u)) return Ok();
  }
  return Invalid(
      fmt::format("networkAllowList: '{}' is no address range; write it like 192.0.2.0/24", cidr));
}

Result<void> CheckDomain(std::string_view name) {
  std::string_view plain = name.starts_with("*.") ? name.substr(2) : name;
  if (plain.ends_with('.')) plain.remove_suffix(1);  // the root, as in rules
  bool good =
      !plain.empty() && plain.size() <= 253 && IsAlnum(plain.front()) && IsAlnum(plain.back());
  for (char c : plain) good = good && (IsAlnum(c) || c == '-' || c == '.');
  if (good) return Ok();
  return Invalid(fmt::format(
      "domainAllowList: '{}' is no name; write it like example.com or *.example.com", name));
}

template <class Check>
Result<void> CheckEach(std::string_view what, std::string_view list, Check check) {
  if (Trim(list).empty()) return Ok();
  const auto parts = Split(list, ',');
  if (parts.size() > kNetworkEntriesMax) {
    return Invalid(fmt::format("{} has {} entries; at most {} are allowed", what, parts.size(),
                               kNetworkEntriesMax));
  }
  for (std::string_view part : parts) RETURN_IF_ERROR(check(Trim(part)));
  return Ok();
}

Result<void> CheckMinutes(std::string_view what, int minutes, int least) {
  if (minutes >= least && minutes <= kIntervalMinutesMax) return Ok();
  return Invalid(fmt::format("{} is {} minutes; it must be from {} to {}", what, minutes, least,
                             kIntervalMinutesMax));
}

Result<void> CheckAmount(std::string_view what, std::string_view unit, double wanted, double least,
                         double most, std::string_view setting) {
  if (wanted >= least && wanted <= most) return Ok();
  return Invalid(fmt::format(
      "{} is {:g} {}; it must be from {:g} to {:g} (limits.{} in cove.toml, else what the machine "
      "has)",
      what, wanted, unit, least, most, setting));
}

double MostOf(double configured, double machine) { return configured > 0 ? configured : machine; }

}  // namespace

Result<void> CheckName(std::string_view what, std::string_view name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax && IsAlnum(name.front()) &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return IsAlnum(c) || c == '-' || c == '_' || c == '.' || c == ':';
                    });
  if (good) return Ok();
  return Invalid(fmt::format(
      "'{}' is no {} name: use 1 to {} of letters, digits, '-', '_', '.', ':', starting with a "
      "letter or digit",
      name.substr(0, kNameBytesMax), what, kNameBytesMax));
}

Result<void> CheckEnv(const EnvMap& env) {
  size_t bytes = 0;
  for (const auto& [name, value] : env) {
    if (!IsEnvName(name)) {
      return Invalid(fmt::format(
          "env: '{}' is no variable name; use letters, digits and '_', not starting with a digit",
          name));
    }
    if (value.find('\0') != std::string::npos) {
      return Invalid(fmt::format("env: the value of {} holds a zero byte", name));
    }
    bytes += name.size() + value.size() + 2;
  }
  if (bytes > kEnvBytesMax) {
    return Invalid(
        fmt::format("env takes {} bytes; at most {} are allowed: put big values in files", bytes,
                    kEnvBytesMax));
  }
  return Ok();
}

Result<void> CheckLabels(const Labels& labels) {
  if (labels.size() > kLabelsMax) {
    return Invalid(fmt::format("{} labels; at most {} are allowed", labels.size(), kLabelsMax));
  }
  for (const auto& [key, value] : labels) {
    if (key.empty() || key.size() > 253 || value.size() > 1024 || HasControl(key) ||
        HasControl(value)) {
      return Invalid(fmt::format(
          "label '{}': a key has 1 to 253 bytes, a value at most 1024, and no control characters",
          key.substr(0, 64)));
    }
  }
  return Ok();
}

Result<void> CheckIntervals(const Intervals& i) {
  RETURN_IF_ERROR(CheckMinutes("autoStopInterval", i.auto_stop, 0));
  RETURN_IF_ERROR(CheckMinutes("autoPauseInterval", i.auto_pause, 0));
  RETURN_IF_ERROR(CheckMinutes("autoArchiveInterval", i.auto_archive, 0));
  RETURN_IF_ERROR(CheckMinutes("autoDeleteInterval", i.auto_delete, -1));
  if (i.auto_stop > 0 && i.auto_pause > 0) {
    return Invalid(
        "at most one of autoStopInterval and autoPauseInterval may be on: set the other to 0 "
        "first");
  }
  if (i.auto_pause > 0 && i.auto_delete == 0) {
    return Invalid(
        "an ephemeral sandbox (autoDeleteInterval 0) cannot have an autoPauseInterval: it is "
        "stopped and deleted, never kept");
  }
  return CheckMinutes("ttlMinutes", i.ttl, 0);
}

Result<void> CheckNetwork(const Network& network) {
  RETURN_IF_ERROR(CheckEach("networkAllowList", network.allow_list, CheckCidr));
  if (!network.policy.empty() &&
      !(network.allow_list.empty() && network.domain_allow_list.empty())) {
    return Error(Code::kInvalid,
                 "give either 'policy' or networkAllowList and domainAllowList, not both");
  }
  return CheckEach("domainAllowList", network.domain_allow_list, CheckDomain);
}

Result<void> CheckResources(const Resources& wanted, const Settings& settings,
                            const MachineFacts& machine) {
  const double cpus = MostOf(settings.cpu_max, machine.cpus);
  const double memory = MostOf(settings.memory_gib_max, GibOf(machine.memory_bytes));
  // One sandbox, full, must leave room for the others.
  const double disk = MostOf(settings.disk_gib_max, GibOf(machine.disk_bytes) / 2);
  RETURN_IF_ERROR(CheckAmount("cpu", "cores", wanted.cpu, 0.1, cpus, "cpu_max"));
  RETURN_IF_ERROR(CheckAmount("memory", "GiB", wanted.memory_gib, 0.125, memory, "memory_gib_max"));
  RETURN_IF_ERROR(CheckAmount("disk", "GiB", wanted.disk_gib, 0.1, disk, "disk_gib_max"));
  if (wanted.pids != 0) {
    RETURN_IF_ERROR(CheckAmount("pids", "processes", wanted.pids, kPidsMin, settings.pids, "pids"));
  }
  if (wanted.io_weight == 0) return Ok();
  return CheckAmount("ioWeight", "shares", wanted.io_weight, 1, settings.io_weight_max,
                     "io_weight_max");
}

Result<void> CheckCreate(const CreateRequest& request) {
  if (!request.name.empty()) RETURN_IF_ERROR(CheckName("sandbox", request.name));
  if (!request.user.empty()) {
    const bool good = request.user.size() <= 32 &&
                      std::all_of(request.user.begin(), request.user.end(),
                                  [](char c) { return IsAlnum(c) || c == '-' || c == '_'; });
    if (!good)
      return Invalid("'" + request.user + "' is no user name, for example daytona or root");
  }
  if (request.idempotency_key.size() > 256 || HasControl(request.idempotency_key)) {
    return Invalid("an idempotency key has at most 256 bytes and no control characters");
  }
  RETURN_IF_ERROR(CheckEnv(request.env));
  RETURN_IF_ERROR(CheckLabels(request.labels));
  return CheckNetwork(request.network);
}

}  // namespace cove::control
