// /metrics: counters for Prometheus. Behind a key (an administrator's, or one with the scope
// read:metrics), for they tell which providers and models are in use.
#include "api/routes.h"

namespace cove::api {
namespace {

Task<Result<void>> Metrics(Call& call) {
  std::string text = call.deps().books->metrics().Text();
  text +=
      "# HELP cove_sandboxes Sandboxes that exist.\n# TYPE cove_sandboxes gauge\n"
      "cove_sandboxes " +
      std::to_string(call.deps().sandboxes->size()) + "\n";
  http::ResponseHead head;
  head.headers.Add("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
  co_return co_await call.exchange().Respond(std::move(head), std::move(text));
}

}  // namespace

void AddMetricsRoutes(Routes& routes) { routes.Add("GET", "/metrics", &Metrics, "read:metrics"); }

}  // namespace cove::api
