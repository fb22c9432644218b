// Where a model call would send its provider: MCP servers, and files and images given as URLs.
//
// A provider that fetches for a sandbox is a way around the sandbox's policy, so these hosts are
// judged like those of the sandbox's own connections. Text that merely mentions a URL is not looked
// at, nor is what a provider's own search tool may find. Sources: the providers' API references.
// Thread: pure function.
#pragma once

#include <string>
#include <vector>

#include "json/json.h"

namespace cove::bridge {

struct FetchedUrl {
  enum class Use { kMcpServer, kContent } use = Use::kContent;
  std::string text;
};

// http and https URLs under `server_url`, `file_url`, `image_url`, and `url` inside one of
// `image_url`, `source`, `mcp_servers`, at any depth. A string there of any other scheme but
// "data:" is given, too: who does not understand it refuses it.
std::vector<FetchedUrl> FetchedUrls(const json::Object& request);

}  // namespace cove::bridge
