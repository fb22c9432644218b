// What a request may contain. Pure; every error is kInvalid and says what would be right.
#pragma once

#include "base/result.h"
#include "control/ports.h"

namespace cove::control {

inline constexpr size_t kNameBytesMax = 128;
inline constexpr size_t kEnvBytesMax = 256 * 1024;
inline constexpr size_t kLabelsMax = 64;
inline constexpr size_t kNetworkEntriesMax = 10;
inline constexpr int kIntervalMinutesMax = 10 * 366 * 24 * 60;

Result<void> CheckName(std::string_view what, std::string_view name);
Result<void> CheckEnv(const EnvMap& env);
Result<void> CheckLabels(const Labels& labels);
Result<void> CheckIntervals(const Intervals& intervals);
Result<void> CheckNetwork(const Network& network);
Result<void> CheckResources(const Resources& wanted, const Settings& settings,
                            const MachineFacts& machine);
// All of a request but its resources and what it refers to.
Result<void> CheckCreate(const CreateRequest& request);

}  // namespace cove::control
