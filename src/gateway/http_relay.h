// An allowed request to its server, and the answer back: bodies stream, counted and paid for, and
// an upgrade to a WebSocket becomes a tunnel. Thread: loop-confined.
#pragma once

#include "gateway/http_servers.h"
#include "gateway/outgoing.h"
#include "gateway/passage.h"

namespace cove::gateway {

// What the requests of a connection have in common; all of it outlives them.
struct HttpRelay {
  Box& box;
  const HttpJudge& judge;
  HttpServers& servers;
  // Called when an upgrade takes the client's connection over.
  std::function<void()> on_taken_over;
};

// The connection to the server that the request needs.
Route::Protocol ProtocolFor(const http::RequestHead& request);

// As it was sent, near enough: what a compressed head stands for counts whole.
uint64_t HeadBytes(const http::Headers& fields);

// Answers the exchange. How it ended is in the passage's ledger.
Task<void> RelayRequest(HttpRelay& relay, http::Exchange& exchange, Passage& passage,
                        Outgoing& out);

}  // namespace cove::gateway
