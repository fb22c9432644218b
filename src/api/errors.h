// How failures look to a client: the one place where cove::Code becomes an HTTP status and a
// Daytona error code, and where the error body is written:
//   {"statusCode","message","error","code","source","path","method","timestamp"}
// Clients choose their exception class by (source, code) first and by status second.
// Thread: pure functions; sending is loop-confined.
#pragma once

#include "base/result.h"
#include "http/server.h"

namespace cove::api {

using async::Task;

// Which part of the surface failed: it decides the `source` and the finer codes.
enum class Area {
  kControl,  // DAYTONA_API
  kProcess,  // DAYTONA_DAEMON: commands, sessions, terminals
  kFiles,    // DAYTONA_DAEMON: files
  kToolbox,  // DAYTONA_DAEMON: anything else inside
  kProxy,    // DAYTONA_PROXY: previews and the way to a toolbox
};

struct Fault {
  int status = 500;
  std::string_view code;
  std::string_view source;
};

Fault FaultOf(Code code, Area area);

// The body for a failure; `fault` may differ from FaultOf() where a status has no cove::Code (501).
std::string FaultBody(const Fault& fault, std::string_view message,
                      const http::RequestHead& request);

Task<Result<void>> SendFault(http::Exchange& exchange, Fault fault, std::string message);
// Does nothing when the exchange is answered already.
Task<void> SendError(http::Exchange& exchange, Error error, Area area);

}  // namespace cove::api
