// Goal: every port that opens in a session is shown once, with its link.
// Method: a server on loopback that answers as Cove does, and whose links can be held back.
#include "agents/codex_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "async/task_group.h"
#include "http/server.h"

namespace cove::agents {
namespace {

using testing::HasSubstr;

struct World {
  async::Loop loop;
  async::ThreadPool pool{1};
  net::Listener listener{*net::ListenTcp(*net::SocketAddress::FromIp("127.0.0.1", 0))};
  std::string base = "http://127.0.0.1:" + std::to_string(net::LocalAddress(listener.fd())->port());
  bool held = false;
  int links_asked = 0;
  async::Event asked;
  http::Server server{[this](http::Exchange& x) { return Answer(x); }};
  http::Client client{pool};
  ApiClient api{client, *http::Url::Parse(base), "key"};
  std::string shown;
  TurnView view{Style(Color::kNever), "", [this](std::string_view text) { shown += text; }};
  CodexSession session{api, view};
  async::TaskGroup tasks;

  World() { tasks.Spawn(Accept(*this)); }

  static Task<void> Accept(World& world) { (void)co_await world.server.Serve(world.listener); }
  Task<void> Answer(http::Exchange& x) {
    const std::string path(x.request().RawPath());
    std::string body = R"({"id":"box","name":"box"})";
    if (path == "/toolbox/box/port") body = R"({"ports":[8080]})";
    if (path.ends_with("/preview-url")) {
      ++links_asked;
      asked.NotifyAll();
      while (held) co_await asked.Wait();
      body = R"({"url":"http://8080-box.test","token":"t"})";
    }
    (void)co_await x.Respond({200, {}}, std::move(body));
  }
};

Task<void> LookUntilTheLinkIsAsked(World& w) {
  async::TaskGroup watch;
  watch.Spawn(w.session.ShowNewPorts());
  while (w.links_asked == 0) co_await w.asked.Wait();
}

TEST(CodexSessionTest, APortWhoseLookWasDroppedIsShownByTheNext) {
  World w;
  ASSERT_TRUE(w.loop.RunUntil(w.session.Open({})));
  w.held = true;
  w.loop.RunUntil(LookUntilTheLinkIsAsked(w));
  EXPECT_EQ(w.shown, "");
  w.held = false;
  w.asked.NotifyAll();
  w.loop.RunUntil(w.session.ShowNewPorts());
  EXPECT_THAT(w.shown, HasSubstr("http://8080-box.test/?DAYTONA_SANDBOX_AUTH_KEY=t"));
  w.shown.clear();
  w.loop.RunUntil(w.session.ShowNewPorts());
  EXPECT_EQ(w.shown, "");
}

}  // namespace
}  // namespace cove::agents
