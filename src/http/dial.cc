#include "http/dial.h"

#include "net/tls.h"

namespace cove::http {

async::Task<Result<net::StreamPtr>> DialTcp(async::ThreadPool& pool, std::string host,
                                            uint16_t port, TimePoint deadline) {
  CO_ASSIGN_OR_RETURN(const auto addresses, co_await net::Resolve(pool, host, port));
  Error last(Code::kNotFound, host + " has no address");
  for (size_t i = 0; i < addresses.size(); ++i) {
    // Each address gets its share of the time, so that one that is silent does not eat it all.
    const auto left = static_cast<Duration::rep>(addresses.size() - i);
    const TimePoint until = Now() + std::max(deadline - Now(), Duration::zero()) / left;
    auto stream = co_await net::Connect(addresses[i], until);
    if (stream) co_return net::StreamPtr(std::move(*stream));
    last = std::move(stream).error();
  }
  co_return last;
}

}  // namespace cove::http
