#include "api/preview.h"

#include "api/inside.h"
#include "api/keep_touching.h"
#include "api/preview_auth.h"
#include "api/preview_page.h"
#include "api/unless_gone.h"
#include "async/task_group.h"

namespace cove::api {
namespace {

constexpr size_t kPieceBytes = 64 * 1024;
constexpr seconds kHeadDeadline{24 * 3600};  // a server inside may think long; clients decide

// The client's origin is the sandbox's id and the port: a connected socket from its toolbox.
Task<Result<net::StreamPtr>> Dial(control::Sandboxes* sandboxes, http::Url url) {
  CO_ASSIGN_OR_RETURN(std::string socket, sandboxes->ToolboxFor(SandboxId(url.host)));
  toolbox::ToolboxClient client(std::move(socket));
  CO_ASSIGN_OR_RETURN(UniqueFd fd, co_await client.ConnectPort(url.port));
  co_return std::make_unique<net::SocketStream>(std::move(fd));
}

bool HasBody(const http::RequestHead& request) {
  const auto length = request.headers.Get("Content-Length");
  return request.headers.Has("Transfer-Encoding") || (length && *length != "0");
}

Task<Result<void>> CopyBody(http::BodyReader& from, http::BodyWriter& to) {
  std::vector<char> buffer(kPieceBytes);
  for (;;) {
    CO_ASSIGN_OR_RETURN(const size_t n, co_await from.Read(buffer));
    if (n == 0) co_return co_await to.Finish();
    CO_RETURN_IF_ERROR(co_await to.Write(std::string_view(buffer.data(), n)));
  }
}

Task<Result<void>> JoinStreams(http::Exchange& exchange, http::ClientResponse& inside,
                               http::ResponseHead head) {
  net::StreamPtr server = inside.TakeStream();
  CO_ASSIGN_OR_RETURN(net::StreamPtr client, co_await exchange.TakeOver(std::move(head)));
  net::PumpTotals totals;
  co_return co_await net::Pump(*client, *server, &totals);
}

std::string Explain(const Error& error, uint16_t port) {
  if (error.code() == Code::kUnavailable) {
    return "Nothing answers on port " + std::to_string(port) +
           " inside the sandbox. Start the server there, then load this page again.";
  }
  return error.message();
}

}  // namespace

Previewer::Previewer(const Context& context)
    : context_(context), client_(*context.deps.resolver_pool) {
  client_.set_dialer([sandboxes = context.deps.sandboxes](http::Url url, TimePoint) {
    return Dial(sandboxes, std::move(url));
  });
}

Task<Result<void>> Previewer::Forward(const PreviewHost* host, const control::Sandbox* sandbox,
                                      std::string set_cookie, http::Exchange& exchange) {
  const http::RequestHead& request = exchange.request();
  http::ClientRequest inside;
  inside.method = request.method;
  inside.url.scheme = "http";
  inside.url.host = sandbox->id.value;
  inside.url.port = host->port;
  inside.url.target = StripPreviewToken(request.target);
  inside.headers = InsideHeaders(context_, request, host->port, exchange.peer());
  if (HasBody(request)) inside.stream = &exchange.body();
  inside.head_deadline = Now() + kHeadDeadline;
  inside.body_timeout = {};
  CO_ASSIGN_OR_RETURN(auto response, co_await client_.Send(std::move(inside)));
  http::ResponseHead head;
  head.status = response->head().status;
  head.headers = OutsideHeaders(response->head().headers, set_cookie);
  if (head.status == 101) {
    co_return co_await JoinStreams(exchange, *response, std::move(head));
  }
  CO_ASSIGN_OR_RETURN(http::BodyWriter* const out,
                      co_await exchange.StartResponse(std::move(head)));
  co_return co_await CopyBody(response->body(), *out);
}

Task<void> Previewer::Serve(PreviewHost host, http::Exchange& exchange) {
  auto access = AuthorizePreview(context_, host, exchange.request());
  if (!access) {
    co_await SendPreviewError(exchange, FaultOf(access.error().code(), Area::kProxy),
                              access.error().message());
    co_return;
  }
  const SandboxId id = access->sandbox.id;
  auto resumed = co_await context_.deps.sandboxes->ResumeForUse(id);
  auto socket = resumed ? context_.deps.sandboxes->ToolboxFor(id) : resumed.error();
  if (!socket) {
    co_await SendPreviewError(exchange, FaultOf(socket.error().code(), Area::kProxy),
                              socket.error().message());
    co_return;
  }
  async::TaskGroup activity;
  activity.Spawn(KeepTouching(context_.deps.sandboxes, id, control::Activity::kPreview));
  // A stream that is silent must not outlive its client. Bodies and upgrades read by themselves.
  auto work = Forward(&host, &access->sandbox, access->set_cookie, exchange);
  const bool watch = !HasBody(exchange.request()) && !exchange.request().headers.Has("Upgrade");
  auto done = !watch ? co_await std::move(work) : co_await UnlessGone(exchange, std::move(work));
  if (!done && !exchange.answered()) {
    done = co_await context_.deps.sandboxes->Explain(id, std::move(done).error());
    Fault fault = FaultOf(done.error().code(), Area::kProxy);
    if (done.error().code() == Code::kInvalid) fault.status = 502;  // not the browser's mistake
    co_await SendPreviewError(exchange, fault, Explain(done.error(), host.port));
  }
}

}  // namespace cove::api
