// A TCP connection to a name. Thread: loop-confined.
#pragma once

#include "async/offload.h"
#include "net/socket.h"

namespace cove::http {

// Resolves the name and tries its addresses in their order, each for its share of the time. The
// last one's error if none answers. The pool must outlive the task.
async::Task<Result<net::StreamPtr>> DialTcp(async::ThreadPool& pool, std::string host,
                                            uint16_t port, TimePoint deadline);

}  // namespace cove::http
