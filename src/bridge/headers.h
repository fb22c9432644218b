// Which header fields pass in each direction. Pure functions. Source: RFC 9110 section 7.6.1 for
// what belongs to one connection only.
#pragma once

#include "bridge/provider.h"
#include "http/message.h"

namespace cove::bridge {

// The agent's fields without: what belongs to its connection, every credential it may have sent by
// its name (IsCredential) or its form ("Bearer …"), what would choose whose account pays, and
// Accept-Encoding (the copy of the answer is read). The
// provider's own fields and its key are added, but for a key of AWS, which signs the finished
// request (sigv4.h); without a key (null) the agent's credentials stay.
http::Headers UpstreamHeaders(const http::Headers& from_agent, const Provider& provider,
                              const ProviderKey* key);

// Whether a field or a parameter of that name holds a credential, by the words in it: providers and
// what stands before them have many names for theirs (decision 0134). Not those that only name a
// request, as Idempotency-Key.
bool IsCredential(std::string_view name);

// A request's target without the parameters of its query that are credentials; the others stay as
// they are.
std::string WithoutCredentials(std::string_view target);

// Whether the agent sent a credential that a provider would take.
bool HasCredentials(const http::Headers& from_agent);

// Whether a configuration may add the field: a name and a value that are some, and none that frames
// the message or belongs to its connection.
bool IsFieldForProviders(std::string_view name, std::string_view value);

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

// The id that a provider gave to the request ("x-request-id", "request-id" or "x-amzn-requestid");
// empty: none.
std::string ProviderRequestId(const http::Headers& from_provider);

}  // namespace cove::bridge
