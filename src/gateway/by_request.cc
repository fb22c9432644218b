#include "gateway/by_request.h"

#include "log/log.h"

namespace cove::gateway {

using policy::Reason;

Task<void> ServePlainHttp(Incoming& in, HttpOrigin::Scheme scheme, std::string ahead) {
  HttpOrigin origin{scheme, std::nullopt, in.destination, in.turned_away};
  if (scheme == HttpOrigin::Scheme::kHttp) origin.name = in.stand_in;
  origin.by_number = in.by_number.has_value();
  HttpForward forward(in.box, std::move(origin), in.counters);
  in.socket->set_read_timeout({});
  co_await forward.Serve(
      std::make_unique<ClientStream>(std::move(in.socket), std::move(ahead), &in.counters));
}

Task<void> ServeOpenedTls(Incoming& in, std::string host, policy::Decision decision) {
  if (!in.box.certificates) {
    decision.reason = Reason::kNeedsInspection;
    in.Deny(decision.reason, "tls", std::move(host), decision);
    co_return;
  }
  auto context = in.box.certificates->ContextFor(host);
  if (!context) {
    log::Error("gateway.certificate_failed", {{"error", context.error().message()}});
    in.Deny(Reason::kNeedsInspection, "tls", std::move(host), decision, context.error().message());
    co_return;
  }
  in.socket->set_read_timeout({});
  auto client =
      std::make_unique<ClientStream>(std::move(in.socket), in.first->TakeBytes(), &in.counters);
  auto opened =
      co_await net::TlsAccept(*std::move(context), std::move(client),
                              Now() + in.box.deps.limits.hello_timeout, net::Alpn::kHttp2OrHttp1);
  if (!opened) {
    in.Deny(Reason::kClientDistrusts, "tls", std::move(host), decision, opened.error().message());
    co_return;
  }
  HttpOrigin origin{HttpOrigin::Scheme::kHttps, std::move(host), in.destination, in.turned_away};
  HttpForward forward(in.box, std::move(origin), in.counters);
  co_await forward.Serve(*std::move(opened));
}

}  // namespace cove::gateway
