// What the model gateway's row of the benchmark consists of; bench/ai/run.sh puts it together. All
// speak Chat Completions with the same bytes.
#pragma once

#include <sys/types.h>

#include <string>
#include <string_view>
#include <vector>

#include "base/unique_fd.h"
#include "harness.h"

namespace cove::bench {

// How to get to the provider: --peer 'NAME=PORT/PATH' and --NAME PID, the process in between.
struct Way {
  std::string name;
  uint16_t port = 0;
  std::string path;
  pid_t pid = 0;  // 0: none to be measured
};
std::vector<Way> ReadWays(const Options& options);

// A connection to the way's port; blocking, without delay.
UniqueFd Dial(const Way& way);
// A whole request. The provider's part is played by `model`: "small" is answered at once, "one" by
// a stream of one event, "idle" by a stream that falls silent, "tick" by 20 events a second for
// kTickSeconds.
std::string Request(const Way& way, std::string_view model);
inline constexpr int kTickSeconds = 10;
inline constexpr int kEventsPerSecond = 20;
// What each event holds besides: "t=" and the nanoseconds of the clock when it was sent.
inline constexpr std::string_view kStamp = "t=";

// The provider: prints its port, then serves until it is ended.
void ServeProvider();

void FirstByte(const Options& options);  // of a stream, over one connection, in turn over all ways
void Calls(const Options& options);      // small ones, as many as get through on N connections
void Streams(const Options& options);    // many at once: delay of events, CPU
// Memory of silent streams. For a process that has just started: what one had before it keeps.
void IdleStreams(const Options& options);

}  // namespace cove::bench
