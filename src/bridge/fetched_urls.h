// Where a model call would send its provider: MCP servers, and whatever it is given by URL.
//
// A provider that fetches for a sandbox is a way around the sandbox's policy, so these hosts are
// judged like those of the sandbox's own connections. OpenAI-compatible servers have names of their
// own for what they fetch (`video_url`, `document_url`, `links`, a URL in `file_data`), so not the
// known names are looked for: every name that says it holds a URL counts, and every name of content
// whose value is one (decision 0134). Text that merely mentions a URL is not looked at, nor is what
// a provider's own search tool may find. Sources: the providers' API references.
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

// The texts, at any depth and also in lists, under a key that ends in "url", "urls", "uri", "uris",
// "link", "links" or "href", of any scheme but "data:" and also of none: who does not understand
// one refuses it. Under a key that names content or a server (file, image, data, endpoint, …) those
// that have a scheme.
// Not: what the agent's own tools are described by and called with, what a hosted tool told of
// where it had been, metadata.
std::vector<FetchedUrl> FetchedUrls(const json::Object& request);

// Whether the field of that key, in an object that stands under `holder`, is text for the model or
// for nobody: schemas, examples and arguments of the agent's own tools, metadata. A provider does
// nothing with what is inside.
bool IsOnlyText(std::string_view holder, const json::Object& object, std::string_view key);

}  // namespace cove::bridge
