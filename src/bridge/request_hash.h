// What makes two model calls the same one: a hash of what is asked, without what changes from run
// to run. tests/model/cassette.mjs computes the same; docs/formats/cassette.md describes it.
// Thread: pure functions.
#pragma once

#include <string>
#include <string_view>

#include "bridge/provider.h"
#include "json/json.h"

namespace cove::bridge {

std::string_view KindName(ProviderKind kind);

// `path` as an agent sees it below the provider's name ("/v1/responses"). A body that is no JSON
// object counts as its bytes.
std::string RequestHash(ProviderKind kind, std::string_view method, std::string_view path,
                        std::string_view body);

}  // namespace cove::bridge
