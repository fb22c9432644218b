// Which header fields pass in each direction. Pure functions. Source: RFC 9110 section 7.6.1 for
// what belongs to one connection only.
#pragma once

#include "bridge/provider.h"
#include "http/message.h"

namespace cove::bridge {

// The agent's fields without: what belongs to its connection, every credential it may have sent,
// what would choose whose account pays, and Accept-Encoding (the copy of the answer is read).
// The provider's key is added.
http::Headers UpstreamHeaders(const http::Headers& from_agent, const Provider& provider);

// The provider's fields without what belongs to its connection, and without cookies.
http::Headers DownstreamHeaders(const http::Headers& from_provider);

// Who the agent says it is; claims, for the book only.
struct AgentNames {
  std::string client;
  std::string session;
  std::string thread;
  std::string turn;
};
AgentNames ReadAgentNames(const http::Headers& headers);

// The id that a provider gave to the request ("x-request-id" or "request-id"); empty: none.
std::string ProviderRequestId(const http::Headers& from_provider);

}  // namespace cove::bridge
