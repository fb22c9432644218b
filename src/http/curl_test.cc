// Goal: a client that is not ours agrees with our server. Method: the curl binary against a server
// on loopback; skipped where there is none.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>

#include "async/offload.h"
#include "base/text.h"
#include "codec/multipart.h"
#include "http/server.h"

namespace cove::http {
namespace {

using testing::HasSubstr;

// Parts as "name=size;", other bodies as "METHOD size".
Task<void> Describe(Exchange& x) {
  auto body = co_await ReadAll(x.body(), 64 << 20);
  if (!body) co_return;
  std::string out = x.request().method + " " + std::to_string(body->size());
  const auto boundary =
      codec::MultipartBoundary(x.request().headers.Get("Content-Type").value_or(""));
  if (boundary) {
    codec::MultipartParser parser(*boundary);
    std::string_view in = *body;
    size_t size = 0;
    out.clear();
    for (;;) {
      const auto event = parser.Next(&in);
      if (!event || *event == codec::MultipartParser::Event::kNeedMore) break;
      if (*event == codec::MultipartParser::Event::kEnd) break;
      size += parser.data().size();
      if (*event != codec::MultipartParser::Event::kPartEnd) continue;
      out += parser.part().name + "=" + std::to_string(size) + ";";
      size = 0;
    }
  }
  auto writer = co_await x.StartResponse({200, {}});
  if (!writer) co_return;
  (void)co_await (*writer)->Write(out);
  (void)co_await (*writer)->Finish();
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

Task<std::string> Curl(async::ThreadPool& pool, std::string arguments) {
  const std::string command = "curl -sS --noproxy '*' --max-time 20 " + arguments + " 2>&1";
  co_return co_await async::Offload(pool, [command] { return RunShell(command); });
}

Task<void> Accept(Server& server, net::Listener& listener) {
  (void)co_await server.Serve(listener);
}

TEST(CurlTest, AgreesWithTheServer) {
  ASSERT_NE(RunShell("command -v curl"), "");
  async::Loop loop;
  async::ThreadPool pool(1);
  net::Listener listener(*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0)));
  Server server(&Describe);
  async::TaskGroup tasks;
  tasks.Spawn(Accept(server, listener));
  const std::string url =
      " http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port()) + "/x";
  const auto curl = [&](const std::string& arguments) {
    return loop.RunUntil(Curl(pool, arguments));
  };
  EXPECT_EQ(curl(url + url), "GET 0GET 0");
  EXPECT_EQ(curl("-X POST" + url), "POST 0");
  EXPECT_THAT(curl("-I" + url), HasSubstr("Transfer-Encoding: chunked"));
  EXPECT_EQ(curl("-0" + url), "GET 0");
  EXPECT_EQ(
      curl("--data-binary @/bin/sh -H 'Expect: 100-continue' -o /dev/null -w '%{http_code}'" + url),
      "200");
  EXPECT_THAT(curl("-T /bin/sh -H 'Transfer-Encoding: chunked'" + url), HasSubstr("PUT "));
  EXPECT_THAT(curl("-F a=one -F 'f[0].file=@/bin/sh;filename=x\"y'" + url),
              testing::MatchesRegex("a=3;f\\[0\\].file=[0-9]+;"));
}

}  // namespace
}  // namespace cove::http
