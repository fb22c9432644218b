// Goal: HTTP/2 carries what HTTP/1 does, several at a time, unbuffered and with trailers, and both
// ends notice every cut. Method: our client and server through real TLS on loopback, one loop; and
// the curl binary for a client that is not ours. http2_attack_test.cc has the hostile peers.
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "base/testing.h"
#include "http/client.h"
#include "http/server.h"
#include "net/test_certificate.h"

namespace cove::http {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// What the handler's paths do.
struct World {
  async::Event go;         // lets "/steps" send its second piece
  bool cancelled = false;  // "/wait" was destroyed before its end
  size_t written = 0;      // by "/endless"
  int served = 0;
};

Task<void> Steps(World* world, Exchange& x) {
  auto writer = co_await x.StartResponse({200, {{"Content-Type", "text/event-stream"}}});
  if (!writer) co_return;
  (void)co_await (*writer)->Write("data: one\n\n");
  co_await world->go.Wait();
  (void)co_await (*writer)->Write("data: two\n\n");
  (void)co_await (*writer)->FinishWith({{"grpc-status", "0"}});
}

Task<void> Endless(World* world, Exchange& x) {
  auto writer = co_await x.StartResponse({200, {}});
  const std::string block(10'000, 'x');
  while (writer && co_await (*writer)->Write(block)) world->written += block.size();
}

Task<void> Wait(World* world) {
  struct Mark {
    World* world;
    ~Mark() { world->cancelled = true; }
  } mark{world};
  async::Event never;
  co_await never.Wait();
}

Task<void> Handle(World* world, Exchange& x) {
  const std::string target = x.request().target;
  ++world->served;
  if (target == "/steps") co_return co_await Steps(world, x);
  if (target == "/endless") co_return co_await Endless(world, x);
  if (target == "/wait") co_return co_await Wait(world);
  if (target == "/cut") {
    auto writer = co_await x.StartResponse({200, {}});
    if (writer) (void)co_await (*writer)->Write("half");
    co_return;
  }
  if (target == "/unread") {
    (void)co_await x.Respond({200, {}}, "no thanks");
    co_return;
  }
  auto body = co_await ReadAll(x.body(), 10 << 20);
  if (!body) co_return;
  std::string seen = x.request().method + " " + std::string(x.request().Host()) + target;
  const Headers* trailers = x.body().trailers();
  if (trailers != nullptr && trailers->Has("x-sum")) {
    seen += " sum=" + std::string(*trailers->Get("x-sum"));
  }
  (void)co_await x.Respond({200, {{"X-Seen", seen}, {"X-Peer", x.peer()}}}, *std::move(body));
}

Task<void> ServeOne(Server* server, UniqueFd fd, std::shared_ptr<net::TlsContext> context,
                    int number) {
  auto stream = co_await net::TlsAccept(context, std::make_unique<net::SocketStream>(std::move(fd)),
                                        Now() + 5s, net::Alpn::kHttp2OrHttp1);
  if (stream) co_await server->ServeConnection(*std::move(stream), std::to_string(number));
}

Task<void> ServeAll(Server* server, net::Listener* listener,
                    std::shared_ptr<net::TlsContext> context) {
  async::TaskGroup group;
  for (int number = 0;; ++number) {
    auto fd = co_await listener->Accept();
    if (!fd) co_return;
    group.Spawn(ServeOne(server, *std::move(fd), context, number));
  }
}

struct Answer {
  int status = 0;
  std::string seen, peer, body;
  Headers trailers;
};

class Http2Test : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto pki = net::MakeTestCertificate("IP:127.0.0.1");
    dir_.File("ca.pem", pki.ca_pem);
    ClientLimits limits;
    limits.http2 = ClientLimits::Http2::kIfOffered;
    client_ =
        std::make_unique<Client>(pool_, *net::TlsContext::MakeClient(dir_ / "ca.pem"), limits);
    port_ = std::to_string(net::LocalAddress(listener_.fd())->port());
    context_ = *net::TlsContext::MakeServer(pki.cert_pem, pki.key_pem);
    tasks_.Spawn(ServeAll(&server_, &listener_, context_));
  }

  ClientRequest Request(std::string method, const std::string& target, std::string body = {}) {
    ClientRequest request;
    request.method = std::move(method);
    request.url = *Url::Parse("https://127.0.0.1:" + port_ + target);
    request.body = std::move(body);
    request.head_deadline = Now() + 5s;
    return request;
  }
  static Task<Result<Answer>> Send(Client* client, ClientRequest request) {
    CO_ASSIGN_OR_RETURN(auto response, co_await client->Send(std::move(request)));
    Answer out;
    out.status = response->head().status;
    out.seen = response->head().headers.Get("x-seen").value_or("");
    out.peer = response->head().headers.Get("x-peer").value_or("");
    CO_ASSIGN_OR_RETURN(out.body, co_await ReadAll(response->body(), 10 << 20));
    if (response->body().trailers() != nullptr) out.trailers = *response->body().trailers();
    co_return out;
  }
  Result<Answer> Ask(ClientRequest request) {
    return loop_.RunUntil(Send(client_.get(), std::move(request)));
  }

  async::Loop loop_;
  async::ThreadPool pool_{1};
  World world_;
  TempDir dir_;
  std::string port_;
  net::Listener listener_{*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))};
  Server server_{[this](Exchange& x) { return Handle(&world_, x); }};
  std::shared_ptr<net::TlsContext> context_;
  std::unique_ptr<Client> client_;
  async::TaskGroup tasks_;
};

TEST_F(Http2Test, RequestsShareOneConnectionAndBodiesArriveWhole) {
  for (const size_t size : {size_t{0}, size_t{1}, size_t{3'000'000}}) {
    const auto got = Ask(Request("POST", "/a?b=c", std::string(size, 'x')));
    ASSERT_TRUE(got) << got.error().message();
    EXPECT_EQ(got->seen, "POST 127.0.0.1/a?b=c");
    EXPECT_EQ(got->body.size(), size);
    EXPECT_EQ(got->peer, "0");
  }
  const auto head = Ask(Request("HEAD", "/a"));
  ASSERT_TRUE(head);
  EXPECT_EQ(head->body, "");
}

Task<void> SendInto(Client* client, ClientRequest request, std::vector<Result<Answer>>* out,
                    async::Event* done, Task<Result<Answer>> (*send)(Client*, ClientRequest)) {
  out->push_back(co_await send(client, std::move(request)));
  if (out->size() == 50) done->Set();
}

TEST_F(Http2Test, FiftyAtOnceStillShareOneConnection) {
  std::vector<Result<Answer>> answers;
  async::Event done;
  async::TaskGroup group;
  for (int i = 0; i < 50; ++i) {
    group.Spawn(SendInto(client_.get(), Request("PUT", "/n", std::string(100'000, 'x')), &answers,
                         &done, &Send));
  }
  loop_.RunUntil([](async::Event* e) -> Task<void> { co_await e->Wait(Now() + 10s); }(&done));
  ASSERT_EQ(answers.size(), 50u);
  for (const auto& answer : answers) {
    ASSERT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(answer->body.size(), 100'000u);
    EXPECT_EQ(answer->peer, "0");
  }
}

Task<std::string> ReadSome(ClientResponse* response) {
  std::vector<char> buffer(4096);
  const auto n = co_await response->body().Read(buffer);
  co_return n ? std::string(buffer.data(), *n) : n.error().message();
}

TEST_F(Http2Test, AnEventStreamComesPieceByPieceAndEndsWithTrailers) {
  auto response = loop_.RunUntil(client_->Send(Request("GET", "/steps")));
  ASSERT_TRUE(response);
  EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "data: one\n\n");
  world_.go.Set();
  EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "data: two\n\n");
  EXPECT_EQ(loop_.RunUntil(ReadSome(response->get())), "");
  EXPECT_EQ((*response)->body().trailers()->Get("grpc-status"), "0");
}

// A body of a stream of calls, with a checksum after it.
class Chatter final : public BodyReader {
 public:
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    if (left_-- == 0) co_return size_t{0};
    buffer[0] = 'c';
    co_return size_t{1};
  }
  std::optional<uint64_t> length() const override { return std::nullopt; }
  const Headers* trailers() const override { return &trailers_; }

 private:
  int left_ = 3;
  Headers trailers_{{"x-sum", "7"}};
};

TEST_F(Http2Test, AStreamedRequestCarriesTrailersToo) {
  Chatter body;
  auto request = Request("POST", "/t");
  request.stream = &body;
  const auto got = Ask(std::move(request));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->body, "ccc");
  EXPECT_EQ(got->seen, "POST 127.0.0.1/t sum=7");
}

TEST_F(Http2Test, ACutAnswerIsAnErrorAndTheConnectionGoesOn) {
  const auto cut = Ask(Request("GET", "/cut"));
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code(), Code::kClosed);
  const auto next = Ask(Request("GET", "/ok"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->peer, "0");
}

TEST_F(Http2Test, AnAnswerBeforeTheBodyIsReadIsWhole) {
  const auto got = Ask(Request("POST", "/unread", std::string(2'000'000, 'x')));
  ASSERT_TRUE(got) << got.error().message();
  EXPECT_EQ(got->body, "no thanks");
}

Task<void> Until(std::function<bool()> condition) {
  const TimePoint end = Now() + 10s;
  while (!condition() && Now() < end) co_await async::Sleep(1ms);
}

TEST_F(Http2Test, ACallerThatGoesAwayTakesTheHandlerWithIt) {
  auto request = Request("GET", "/wait");
  request.head_deadline = Now() + 60s;
  std::vector<Result<Answer>> answers;
  async::Event done;
  async::TaskGroup caller;
  caller.Spawn(SendInto(client_.get(), std::move(request), &answers, &done, &Send));
  loop_.RunUntil(Until([this] { return world_.served == 1; }));
  caller.Clear();
  loop_.RunUntil(Until([this] { return world_.cancelled; }));
  EXPECT_TRUE(world_.cancelled);
  EXPECT_TRUE(Ask(Request("GET", "/ok")));
}

TEST_F(Http2Test, TheHeadHasADeadlineAndTheConnectionGoesOn) {
  ASSERT_TRUE(Ask(Request("GET", "/ok")));
  auto request = Request("GET", "/wait");
  request.head_deadline = Now() + 50ms;
  EXPECT_EQ(Ask(std::move(request)).error().code(), Code::kTimeout);
  const auto next = Ask(Request("GET", "/ok"));
  ASSERT_TRUE(next);
  EXPECT_EQ(next->peer, "0");
}

// Until there is something and no more comes in fifty turns of the loop, in which both ends run.
Task<void> UntilItRests(const size_t* value) {
  const TimePoint end = Now() + 10s;
  size_t before = 0;
  for (int same = 0; same < 50 && Now() < end; co_await async::Sleep(1ms)) {
    same = *value != 0 && *value == before ? same + 1 : 0;
    before = *value;
  }
}

TEST_F(Http2Test, AWriterWaitsForAReaderWhoDoesNotRead) {
  auto response = loop_.RunUntil(client_->Send(Request("GET", "/endless")));
  ASSERT_TRUE(response);
  loop_.RunUntil(UntilItRests(&world_.written));
  // The client's window for one stream, and what is on the way.
  EXPECT_GT(world_.written, 0u);
  EXPECT_LT(world_.written, 700'000u);
  // Others are not held up by it.
  EXPECT_TRUE(Ask(Request("GET", "/ok")));
}

TEST_F(Http2Test, AfterTheServersConnectionEndedTheClientDialsAgain) {
  ASSERT_TRUE(Ask(Request("GET", "/ok")));
  tasks_.Clear();
  tasks_.Spawn(ServeAll(&server_, &listener_, context_));
  const auto again = Ask(Request("GET", "/ok"));
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_EQ(again->peer, "0");
  EXPECT_EQ(world_.served, 2);
}

std::string RunShell(const std::string& command) {
  std::string out;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return out;
  char buffer[4096];
  while (const size_t n = fread(buffer, 1, sizeof buffer, pipe)) out.append(buffer, n);
  pclose(pipe);
  return out;
}

Task<std::string> Curl(async::ThreadPool* pool, std::string command) {
  co_return co_await async::Offload(*pool, [command] { return RunShell(command); });
}

TEST_F(Http2Test, CurlAgrees) {
  ASSERT_NE(RunShell("command -v curl"), "");
  const auto curl = [&](const std::string& arguments) {
    return loop_.RunUntil(Curl(&pool_, "curl -sS --noproxy '*' --max-time 10 --http2 --cacert " +
                                           dir_ / "ca.pem" + " " + arguments +
                                           " https://127.0.0.1:" + port_ + "/x 2>&1"));
  };
  EXPECT_THAT(curl("-i"), HasSubstr("HTTP/2 200"));
  EXPECT_EQ(curl("-o /dev/null -w '%{http_version} %{http_code} %{size_upload}' -H 'Expect: "
                 "100-continue' --data-binary @/bin/sh"),
            "2 200 " + std::to_string(std::ifstream("/bin/sh", std::ios::ate).tellg()));
  EXPECT_THAT(curl("-I"), HasSubstr("x-seen: HEAD 127.0.0.1/x"));
  EXPECT_THAT(curl("-D - -o /dev/null -b a=b -b c=d -X DELETE"), HasSubstr("DELETE"));
}

}  // namespace
}  // namespace cove::http
