// Fuzz target: any bytes as an HTTP/2 client, in pieces whose size the first byte says, against the
// whole server side. The handler reads the body, answers, sends trailers; whatever comes, the
// connection must end when its peer does, and no stream may be left.
#include <cstdlib>

#include "http/http2_server.h"
#include "net/script_stream.h"

namespace cove::http::internal {
namespace {

int handlers = 0;

Task<void> Handle(Exchange& x) {
  struct Count {
    Count() { ++handlers; }
    ~Count() { --handlers; }
  } count;
  auto body = co_await ReadAll(x.body(), 100'000);
  if (!body) co_return;
  if (x.request().method == "HEAD") {
    (void)co_await x.Respond({200, {{"Content-Length", "5"}}}, "");
    co_return;
  }
  auto writer = co_await x.StartResponse({200, x.request().headers});
  if (!writer) co_return;
  if (!co_await (*writer)->Write(*body + x.request().target)) co_return;
  if (x.request().method == "CUT") co_return;
  (void)co_await (*writer)->FinishWith({{"sum", "1"}});
}

void Run(std::string_view bytes, size_t step) {
  async::Loop loop;
  auto script = std::make_shared<net::Script>();
  script->Feed("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  for (; !bytes.empty(); bytes.remove_prefix(std::min(step, bytes.size()))) {
    script->Feed(std::string(bytes.substr(0, step)));
  }
  script->End();
  const Handler handler = Handle;
  const Refused refused;
  const Admit admit;
  ServerLimits limits;
  limits.head_bytes_max = 2000;
  {
    Http2Server server(handler, refused, admit, limits, std::make_unique<net::ScriptStream>(script),
                       "peer");
    loop.RunUntil(server.Run());
  }
  if (handlers != 0) std::abort();
}

}  // namespace
}  // namespace cove::http::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  cove::http::internal::Run({reinterpret_cast<const char*>(data) + 1, size - 1},
                            size_t{1} + data[0]);
  return 0;
}
