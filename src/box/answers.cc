#include "box/answers.h"

#include "box/say.h"

namespace cove::box {
namespace {

// Says which are closed; whether one is open.
bool TellOf(const std::string& name, const json::Array& addresses) {
  bool open = false;
  for (const json::Value& value : addresses) {
    if (!value.is_object()) continue;
    const json::Object& one = value.as_object();
    if (json::GetBool(one, "open").value_or(false)) {
      open = true;
      continue;
    }
    Say("Skipping private/reserved " + json::GetString(one, "address").value_or("?") + " (" +
        json::GetString(one, "kind").value_or("?") + ") of " + name);
  }
  return open;
}

}  // namespace

async::Task<Result<void>> CheckAnswers(agents::ApiClient& client, std::string sandbox,
                                       std::vector<std::string> names) {
  for (const std::string& name : names) {
    agents::ApiRequest request;
    request.method = "POST";
    request.path = "/api/policy/sandbox/" + sandbox + "/test";
    request.body = json::Value(json::Object{{"url", "https://" + name}, {"resolve", true}});
    CO_ASSIGN_OR_RETURN(const json::Object found,
                        co_await client.CallForObject(std::move(request)));
    const json::Array* addresses = json::GetArray(found, "addresses");
    if (addresses == nullptr || addresses->empty()) {
      Say("no address was found for " + name);
    } else if (!TellOf(name, *addresses)) {
      co_return Error(Code::kUnavailable,
                      "no public address is left for " + name +
                          ": take it off the list, or set ALLOW_PRIVATE_DNS=1 if it is meant");
    }
  }
  co_return Ok();
}

}  // namespace cove::box
