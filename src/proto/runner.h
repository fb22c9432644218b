// The contract between the front (no privilege) and the runner (root).
//
// One channel over a socketpair that the runner makes before it starts the front. Requests carry a
// number; their reply carries it again; events carry none. The runner accepts only ids that are
// UUIDs, names of [a-z0-9._-]{1,64}, and numbers within the bounds it states; it never sees
// a path, a command or an environment from the front.
//
// How the front is started: `cove front --data DIR [--config-fd 4 --config-name FILE]`, as a uid of
// its own without any privilege, in a session of its own, killed when the runner dies. Descriptor 3
// is the channel, 4 the opened configuration file (FILE is its name for messages). DIR/front is the
// front's own (0700), DIR/run holds the toolboxes' sockets. The environment holds provider keys,
// COVE_*, and COVE_STORE when a database URL was given. The front waits for kHello, asks kBoxList
// and kBoxAttach for what runs, serves, and says kFrontReady. SIGTERM asks it to drain and exit.
// Exit code 2 before it ever was ready means that its configuration is wrong: the runner ends too.
//
// kBoxExited comes for every box that ends, whoever ended it, before the reply of a stop that made
// it end, soon after that of a delete; none comes for boxes that ended while no front was there to
// be told.
#pragma once

#include "proto/channel.h"
#include "proto/profile.h"
#include "proto/room.h"

namespace cove::proto::runner {

inline constexpr uint32_t kVersion = 5;

enum class Type : uint16_t {
  kReply = 1,       // Reply; the answer to every request; may carry descriptors
  kProgress = 2,    // Progress; a line about a long request, any number before its kReply
  kHello = 3,       // Hello; runner to front, first message of a channel; carries the API listener
  kFrontReady = 4,  // Empty; front to runner, an event: the API answers on the listener
  kMore = 5,  // runner to front, raw: the beginning of the next frame's body, which is too long
              // for one; any number of them, nothing in between

  kBoxCreate = 10,    // BoxCreate; makes and starts; kReply carries BoxStarted and listeners
  kBoxStart = 11,     // BoxRef; a stopped one; kReply as kBoxCreate
  kBoxStop = 12,      // BoxStop; replies once it has stopped; its files stay
  kBoxDelete = 13,    // BoxRef; replies once it cannot run or be seen any more
  kBoxList = 14,      // Empty; kReply carries BoxList
  kBoxAttach = 15,    // BoxRef; kReply as kBoxCreate: the listeners of one that runs already
  kBoxSnapshot = 16,  // BoxSnapshot; the box must be stopped; kReply carries ImageInfo
  kBoxExited = 17,    // BoxExited; event
  kBoxPause = 18,     // BoxRef; replies once nothing in it runs; paused already: fine
  kBoxResume = 19,    // BoxRef; running already: fine

  kImageHost = 20,    // ImageHost; captures the host image if it is new; kReply carries ImageInfo
  kImageList = 21,    // Empty; kReply carries ImageList
  kImageDelete = 22,  // ImageRef; kConflict while a box or image uses it

  kBoxResize = 30,  // BoxResize; a running or stopped one; kept in its record before it applies
  kBoxOom = 31,     // BoxOom; event: the kernel killed processes of a running box

  kRoom = 32,  // Room; event: what kBoxList told of it last is no longer so
};

struct Empty {
  template <class A>
  void Fields(A&) {}
};

struct Hello {
  uint32_t version = kVersion;
  uint32_t protocol_uid = 0;  // the uid that the front runs as
  template <class A>
  void Fields(A& a) {
    a(version, protocol_uid);
  }
};

struct Request {
  uint64_t number = 0;
  std::string body;  // the message that the frame's type names
  template <class A>
  void Fields(A& a) {
    a(number, body);
  }
};

struct Reply {
  uint64_t number = 0;
  bool ok = true;
  uint8_t code = 0;  // cove::Code when !ok
  std::string message;
  std::string body;
  template <class A>
  void Fields(A& a) {
    a(number, ok, code, message, body);
  }
};

struct Progress {
  uint64_t number = 0;
  std::string text;
  template <class A>
  void Fields(A& a) {
    a(number, text);
  }
};

struct Limits {
  uint32_t cpu_millis = 1000;  // 1000 is one core
  uint64_t memory_bytes = 1ull << 30;
  uint32_t pids = 1024;
  uint64_t disk_bytes = 0;   // 0: as the data disk allows
  uint32_t io_weight = 100;  // 1 to 10000, beside the other boxes; where the kernel can
  template <class A>
  void Fields(A& a) {
    a(cpu_millis, memory_bytes, pids, disk_bytes, io_weight);
  }
};

struct BoxCreate {
  SandboxId id;
  ImageId image;
  Limits limits;
  std::string hostname;  // [a-z0-9-]{1,63}
  Profile profile = Profile::kDefault;
  template <class A>
  void Fields(A& a) {
    a(id, image, limits, hostname, profile);
  }
};

// All limits anew. kConflict, saying how much it uses, when it holds more than it would be allowed;
// it keeps the old ones then.
struct BoxResize {
  SandboxId id;
  Limits limits;
  template <class A>
  void Fields(A& a) {
    a(id, limits);
  }
};

struct BoxRef {
  SandboxId id;
  template <class A>
  void Fields(A& a) {
    a(id);
  }
};

struct BoxStop {
  SandboxId id;
  uint32_t grace_ms = 5000;  // 0: kill at once
  template <class A>
  void Fields(A& a) {
    a(id, grace_ms);
  }
};

// The reply's descriptors, in this order: TCP v4 listener, TCP v6 listener, DNS UDP v4 socket,
// DNS TCP v4 listener; all bound inside the sandbox's network namespace.
inline constexpr size_t kBoxSockets = 4;
struct BoxStarted {
  SandboxId id;
  std::string toolbox_socket;  // path of the unix socket, connectable by the front
  uint16_t tcp_port = 0;       // where TCP is redirected to; a connection to itself is refused
  template <class A>
  void Fields(A& a) {
    a(id, toolbox_socket, tcp_port);
  }
};

// A paused one has its sockets and can be attached, stopped and deleted like one that runs.
enum class BoxState : uint8_t { kRunning = 1, kStopped = 2, kPaused = 3 };

struct BoxInfo {
  SandboxId id;
  ImageId image;
  BoxState state = BoxState::kStopped;
  Limits limits;
  uint64_t oom_kills = 0;  // in this run
  template <class A>
  void Fields(A& a) {
    a(id, image, state, limits, oom_kills);
  }
};

struct BoxList {
  std::vector<BoxInfo> boxes;
  Room room;
  template <class A>
  void Fields(A& a) {
    a(boxes, room);
  }
};

struct BoxSnapshot {
  SandboxId id;
  template <class A>
  void Fields(A& a) {
    a(id);
  }
};

struct BoxExited {
  SandboxId id;
  bool known = false;  // false: it ended while no runner was there to see how
  int32_t status = 0;  // as wait(2) gives it
  uint64_t oom_kills = 0;
  template <class A>
  void Fields(A& a) {
    a(id, known, status, oom_kills);
  }
};

struct BoxOom {
  SandboxId id;
  uint64_t kills = 0;  // in this run, these included
  template <class A>
  void Fields(A& a) {
    a(id, kills);
  }
};

struct ImageInfo {
  ImageId id;
  std::vector<ImageId> layers;  // lowest first; the last one is the image's own
  uint64_t bytes = 0;
  template <class A>
  void Fields(A& a) {
    a(id, layers, bytes);
  }
};

struct ImageList {
  std::vector<ImageInfo> images;
  template <class A>
  void Fields(A& a) {
    a(images);
  }
};

inline constexpr size_t kTrustBytesMax = 16 * 1024;
struct ImageHost {
  std::string trust;  // PEM certificates that the image trusts besides the host's; may be empty
  template <class A>
  void Fields(A& a) {
    a(trust);
  }
};

struct ImageRef {
  ImageId id;
  template <class A>
  void Fields(A& a) {
    a(id);
  }
};

}  // namespace cove::proto::runner
