#include "runner/check.h"

#include <algorithm>

#include "image/store.h"

namespace cove::runner {
namespace {

constexpr uint32_t kCpuMillisMin = 10;
constexpr uint32_t kCpuMillisMax = 1024 * 1000;
constexpr uint64_t kMemoryMin = 16ull << 20;
constexpr uint64_t kMemoryMax = 64ull << 40;
constexpr uint32_t kPidsMin = 8;
constexpr uint32_t kPidsMax = 4'000'000;
constexpr uint32_t kIoWeightMax = 10'000;
constexpr uint64_t kDiskMin = 16ull << 20;
constexpr uint64_t kDiskMax = 1ull << 50;

Error Invalid(std::string text) { return {Code::kInvalid, std::move(text)}; }

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

Result<void> CheckSandboxId(const SandboxId& id) {
  bool ok = id.value.size() == 36;
  for (size_t i = 0; ok && i < 36; ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    ok = dash ? id.value[i] == '-' : IsHex(id.value[i]);
  }
  if (!ok) return Invalid("a sandbox id must be a UUID in lower case");
  return Ok();
}

Result<void> CheckImageId(const ImageId& id) {
  if (!image::IsImageId(id.value)) return Invalid("an image id must be 64 lower-case hex digits");
  return Ok();
}

Result<void> CheckLimits(const proto::runner::Limits& limits) {
  if (limits.cpu_millis < kCpuMillisMin || limits.cpu_millis > kCpuMillisMax) {
    return Invalid("the cpu limit must be between 10 and 1024000 thousandths of a core");
  }
  if (limits.memory_bytes < kMemoryMin || limits.memory_bytes > kMemoryMax) {
    return Invalid("the memory limit must be between 16 MiB and 64 TiB");
  }
  if (limits.pids < kPidsMin || limits.pids > kPidsMax) {
    return Invalid("the limit of processes must be between 8 and 4000000");
  }
  if (limits.io_weight < 1 || limits.io_weight > kIoWeightMax) {
    return Invalid("the io weight must be between 1 and 10000");
  }
  if (limits.disk_bytes != 0 && limits.disk_bytes < kDiskMin) {
    return Invalid("the disk limit must be at least 16 MiB");
  }
  if (limits.disk_bytes > kDiskMax) return Invalid("the disk limit must be at most 1 PiB");
  return Ok();
}

Result<void> CheckTrust(const std::string& pem) {
  if (pem.size() > proto::runner::kTrustBytesMax) {
    return Error(Code::kInvalid, "trust: over 16 KiB of certificates");
  }
  for (const char c : pem) {
    if (c != '\n' && (c < ' ' || c > '~')) {
      return Error(Code::kInvalid, "trust: certificates in PEM are expected");
    }
  }
  return Ok();
}

Result<void> CheckCreate(const proto::runner::BoxCreate& request) {
  RETURN_IF_ERROR(CheckSandboxId(request.id));
  RETURN_IF_ERROR(CheckImageId(request.image));
  RETURN_IF_ERROR(CheckLimits(request.limits));
  if (request.profile > proto::Profile::kStrict) return Invalid("there is no such profile");
  const std::string& name = request.hostname;
  const bool plain = std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
  if (name.empty() || name.size() > 63 || !plain || name.front() == '-') {
    return Invalid("a host name must be 1 to 63 of a-z, 0-9 and '-', and not start with '-'");
  }
  return Ok();
}

}  // namespace cove::runner
