// ServerApi: the API of a box's own server, asked with its own key.
// Thread: loop-confined. The server must outlive it, and it the tasks of its client.
#pragma once

#include "agents/api_client.h"
#include "box/private_server.h"

namespace cove::box {

class ServerApi {
 public:
  explicit ServerApi(const PrivateServer& server)
      : client_(http_, server.address(), server.key()) {}
  agents::ApiClient& client() { return client_; }

 private:
  async::ThreadPool resolver_{1};
  http::Client http_{resolver_};
  agents::ApiClient client_;
};

}  // namespace cove::box
