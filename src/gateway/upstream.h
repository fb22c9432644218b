// A connection to a server that is counted, and known by its address, for as long as it is open: so
// that a sandbox cannot collect idle ones without end, and that one which the rules would not allow
// any more can be found. Thread: loop-confined.
#pragma once

#include <list>
#include <memory>

#include "gateway/held_connections.h"
#include "gateway/load.h"
#include "net/socket.h"
#include "policy/address.h"

namespace cove::gateway {

struct Upstream {
  Route route;
  policy::Address address;
};
using Upstreams = std::list<Upstream>;

class UpstreamStream final : public net::ByteStream {
 public:
  // `all` and `held` outlive it, and `place` is given back with it.
  UpstreamStream(std::unique_ptr<net::SocketStream> inner, Upstream what, Upstreams& all,
                 HeldConnections& held, std::shared_ptr<void> place)
      : inner_(std::move(inner)),
        all_(all),
        held_(held),
        entry_(all.insert(all.end(), std::move(what))),
        place_(std::move(place)) {
    held_.Opened(entry_->route);
  }
  ~UpstreamStream() override {
    held_.Closed(entry_->route);
    all_.erase(entry_);
  }

  net::Task<Result<size_t>> Read(std::span<char> buffer) override {
    inner_->set_read_timeout(read_timeout());
    return inner_->Read(buffer);
  }
  net::Task<Result<void>> Write(std::string_view bytes) override {
    inner_->set_write_timeout(write_timeout());
    return inner_->Write(bytes);
  }
  net::Task<Result<void>> CloseWrite() override { return inner_->CloseWrite(); }
  void MarkAborted() override { inner_->MarkAborted(); }
  bool LooksIdle() override { return inner_->LooksIdle(); }

 private:
  std::unique_ptr<net::SocketStream> inner_;
  Upstreams& all_;
  HeldConnections& held_;
  Upstreams::iterator entry_;
  std::shared_ptr<void> place_;
};

}  // namespace cove::gateway
