// Feeds arbitrary bytes to every message of both private contracts: what is accepted must be just
// what its fields encode to, so that nothing hides in a frame; only of fields that were added later
// nothing need be there, and then they are zero or empty.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "proto/runner.h"
#include "proto/testing.h"
#include "proto/toolbox.h"

namespace {

template <class Message>
std::string EncodeOlder(const Message& message) {
  if constexpr (std::is_same_v<Message, cove::proto::toolbox::SessionInfo>) {
    return cove::proto::Encode(cove::proto::testing::OlderSession(message));
  } else if constexpr (std::is_same_v<Message, cove::proto::toolbox::SessionList>) {
    return cove::proto::Encode(cove::proto::testing::OlderSessions(message));
  } else {
    return cove::proto::Encode(message);
  }
}

template <class Message>
void RoundTrip(std::string_view body) {
  const auto decoded = cove::proto::Decode<Message>(body);
  if (!decoded) return;
  const std::string again = cove::proto::Encode(*decoded);
  const bool older = cove::proto::AddedLater<Message>() > 0 && again.starts_with(body) &&
                     again.find_first_not_of('\0', body.size()) == std::string::npos;
  if (again != body && !older && EncodeOlder(*decoded) != body) __builtin_trap();
}

template <class... Message>
void RoundTrips(std::string_view body) {
  (RoundTrip<Message>(body), ...);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  {
    using namespace cove::proto::runner;
    RoundTrips<Hello, Request, Reply, Progress, BoxCreate, BoxResize, BoxRef, BoxStop, BoxStarted,
               BoxList, BoxExited, BoxOom, ImageInfo, ImageList, ImageHost, ImageRef,
               cove::proto::Room>(body);
  }
  {
    using namespace cove::proto::toolbox;
    RoundTrips<ErrorReply, InfoReply, Configure, WindowSize, ExecRequest, Started, ExitStatus,
               SignalRequest, SessionRef, CommandRef, SessionExec, CommandInfo, SessionInfo,
               SessionList, CommandLogs, CommandInput, PathRef, FileInfo, FileInfos, FileList>(
        body);
    RoundTrips<FileMkdir, FileDelete, FileMove, FileSetMode, FileRead, FileWrite, FileFind,
               FileReplace, Match, Matches, PortInfo, Ports, PortRef>(body);
  }
  return 0;
}
