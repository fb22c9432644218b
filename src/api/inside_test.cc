// Goal: calls below /toolbox become the toolbox's operations and its answers the SDK's.
// Method: the whole Api with a toolbox that answers from a script.
#include "api/inside.h"

#include "api/api_fixture_test.h"
#include "api/preview_auth.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

using namespace proto::toolbox;  // NOLINT: the contract under test, in a test

class InsideTest : public ApiTest {
 protected:
  InsideTest() { base_ = "/toolbox/" + CreateBox(); }
  template <class Message>
  void Answer(Type request, std::vector<FakeToolbox::Reply> replies, Type type,
              const Message& last) {
    replies.push_back(FakeToolbox::Of(type, last));
    inside_->replies[request] = std::move(replies);
  }
  template <class Message>
  Message Asked(size_t index = 0) {
    return *proto::Decode<Message>(inside_->asked.at(index).body);
  }
  std::string base_;
};

TEST(CloseReasonTest, IsCutBetweenWords) {
  EXPECT_EQ(CloseReason("all of it", 9), "all of it");
  EXPECT_EQ(CloseReason("it ended, as told", 12), "it ended...");
  EXPECT_EQ(CloseReason("it ended as told", 14), "it ended as...");
  EXPECT_EQ(CloseReason(std::string(200, 'x')), std::string(120, 'x') + "...");
  EXPECT_EQ(CloseReason("äääääääääää", 10), "äää...") << "never within a character";
}

TEST_F(InsideTest, ACommandRunsWithItsFolderAndEnvironment) {
  Answer(Type::kExec, {FakeToolbox::Of(Type::kStarted, Started{7}), {Type::kStdout, "a\xFF\n"}},
         Type::kExited, ExitStatus{ExitReason::kExited, 3, 0, ""});
  const auto answer = Send("POST", base_ + "/process/execute",
                           R"({"command":"ls","cwd":"/tmp","envs":{"K":"v"},"timeout":2})");
  ASSERT_EQ(answer->answer.status, 200) << answer->text;
  EXPECT_EQ(json::GetInt(Json(*answer), "exitCode"), 3);
  EXPECT_EQ(json::GetString(Json(*answer), "result"), "a\xEF\xBF\xBD\n");
  const auto request = Asked<ExecRequest>();
  EXPECT_EQ(request.command, "ls");
  EXPECT_EQ(request.cwd, "/tmp");
  EXPECT_EQ(request.timeout_ms, 2000u);
  EXPECT_TRUE(request.merge_output);
  EXPECT_EQ(request.env, (EnvList{{"K", "v"}}));
}

TEST_F(InsideTest, AKeyWithoutTheScopeOfSandboxesDoesNotGetInside) {
  const std::string box = "/api/sandbox/" + base_.substr(std::string("/toolbox/").size());
  const std::pair<const char*, std::string> calls[] = {
      {"POST", base_ + "/process/execute"},
      {"POST", base_ + "/process/session"},
      {"GET", base_ + "/process/pty"},
      {"GET", base_ + "/files?path=/"},
      {"GET", base_ + "/files/download?path=/etc/passwd"},
      {"POST", base_ + "/files/bulk-upload"},
      {"GET", base_ + "/port"},
      {"GET", box + "/ports/3000/preview-url"},
      {"GET", box + "/ports/" + std::to_string(kToolboxTokenPort) + "/preview-url"},
      {"GET", box + "/ports/3000/signed-preview-url"},
      {"POST", box + "/ports/3000/signed-preview-url/x/expire"},
      {"POST", box + "/last-activity"},
      {"POST", box + "/start"},
      {"POST", box + "/stop"},
  };
  // A call that gets in is told 409, instead of waiting for an answer that nobody wrote down.
  ASSERT_EQ(Send("POST", box + "/stop")->answer.status, 200);
  for (const char* scope : {"read:audit_logs", "delete:sandboxes"}) {
    const std::string key = KeyWith({scope});
    for (const auto& [method, target] : calls) {
      const auto refused = SendAs(key, method, target, "{}");
      EXPECT_EQ(refused->answer.status, 403) << method << " " << target << refused->text;
      EXPECT_NE(refused->text.find("lacks the scope write:sandboxes"), std::string::npos)
          << refused->text;
    }
    EXPECT_EQ(SendAs(key, "GET", box)->answer.status, 200) << "what is told to any key";
  }
  EXPECT_TRUE(inside_->asked.empty());
}

TEST_F(InsideTest, AKeyWithTheScopeOfSandboxesOrWithoutAnyGetsInside) {
  for (const auto& scopes : std::vector<std::vector<std::string>>{{"write:sandboxes"}, {}}) {
    Answer(Type::kExec, {FakeToolbox::Of(Type::kStarted, Started{7})}, Type::kExited,
           ExitStatus{ExitReason::kExited, 0, 0, ""});
    const auto answer =
        SendAs(KeyWith(scopes), "POST", base_ + "/process/execute", R"({"command":"ls"})");
    EXPECT_EQ(answer->answer.status, 200) << answer->text;
  }
}

TEST_F(InsideTest, ATimeoutIsA408OfTheDaemon) {
  Answer(Type::kExec, {FakeToolbox::Of(Type::kStarted, Started{7})}, Type::kExited,
         ExitStatus{ExitReason::kTimeout, 137, 9, ""});
  const auto answer =
      Send("POST", base_ + "/process/execute", R"({"command":"sleep 9","timeout":1})");
  EXPECT_EQ(answer->answer.status, 408);
  EXPECT_EQ(json::GetString(Json(*answer), "code"), "PROCESS_EXECUTION_TIMEOUT");
  EXPECT_EQ(json::GetString(Json(*answer), "source"), "DAYTONA_DAEMON");
  EXPECT_NE(json::GetString(Json(*answer), "message")->find("timeout"), std::string::npos);
}

Task<void> HandleAndHangUp(Api* api, FakeExchange* exchange, const FakeToolbox* toolbox) {
  const TimePoint end = Now() + seconds(10);
  async::TaskGroup group;
  group.Spawn(api->Handle(*exchange));
  while (toolbox->asked.empty() && Now() < end) co_await async::Sleep(milliseconds(1));
  exchange->peer_closed.Set();
  co_await group.Join();
  while (toolbox->open_connections != 0 && Now() < end) co_await async::Sleep(milliseconds(1));
}

TEST_F(InsideTest, ACommandEndsWithItsClient) {
  inside_->replies[Type::kExec] = {FakeToolbox::Of(Type::kStarted, Started{7})};
  FakeExchange exchange("POST", base_ + "/process/execute", R"({"command":"sleep 999"})");
  exchange.headers().Add("Authorization", "Bearer " + key_);
  loop_.RunUntil(HandleAndHangUp(api_.get(), &exchange, inside_.get()));
  EXPECT_EQ(inside_->asked.size(), 1u);
  EXPECT_EQ(inside_->open_connections, 0);
}

TEST_F(InsideTest, ErrorsOfFilesHaveTheirOwnCodes) {
  inside_->replies[Type::kFileStat] = {FakeToolbox::Failure(Code::kNotFound, "no such file: x")};
  const auto answer = Send("GET", base_ + "/files/info?path=x");
  EXPECT_EQ(answer->answer.status, 404);
  EXPECT_EQ(json::GetString(Json(*answer), "code"), "FILE_NOT_FOUND");
  EXPECT_EQ(Send("GET", base_ + "/files/info")->answer.status, 400);
  EXPECT_EQ(Send("GET", "/toolbox/nobody/files/info?path=x")->answer.status, 404);
}

TEST_F(InsideTest, AnAsyncCommandAnswersAtOnce) {
  Answer(Type::kSessionExec, {}, Type::kCommand, CommandInfo{"c1", "true", false, 0});
  const auto answer =
      Send("POST", base_ + "/process/session/s/exec", R"({"command":"true","runAsync":true})");
  EXPECT_EQ(answer->answer.status, 202);
  EXPECT_EQ(json::GetString(Json(*answer), "cmdId"), "c1");
  EXPECT_TRUE(Asked<SessionExec>().async);
}

TEST_F(InsideTest, ASyncCommandGivesBothStreams) {
  Answer(Type::kSessionExec, {}, Type::kCommand, CommandInfo{"c1", "x", false, 0});
  Answer(Type::kCommandLogs, {{Type::kStdout, "out"}, {Type::kStderr, "err"}}, Type::kLogEnd,
         CommandInfo{"c1", "x", true, 4});
  const auto body = Json(*Send("POST", base_ + "/process/session/s/exec", R"({"command":"x"})"));
  EXPECT_EQ(json::GetInt(body, "exitCode"), 4);
  EXPECT_EQ(json::GetString(body, "stdout"), "out");
  EXPECT_EQ(json::GetString(body, "stderr"), "err");
  EXPECT_EQ(json::GetString(body, "output"),
            "\x01\x01\x01out\x02\x02\x02"
            "err");
}

TEST_F(InsideTest, ARunningCommandHasNoExitCode) {
  Answer(Type::kCommandGet, {}, Type::kCommand, CommandInfo{"c1", "x", false, 0});
  EXPECT_FALSE(Json(*Send("GET", base_ + "/process/session/s/command/c1")).contains("exitCode"));
}

Task<std::string> ReceiveAll(http::WebSocket* socket) {
  std::string all;
  for (;;) {
    auto message = co_await socket->Receive();
    if (!message) co_return all;
    EXPECT_FALSE(message->text);
    all += message->data;
  }
}

Task<void> HandleThenReceive(Api* api, FakeExchange* exchange, std::string* out) {
  async::TaskGroup group;
  group.Spawn(api->Handle(*exchange));
  while (exchange->client == nullptr) co_await async::Sleep(milliseconds(1));
  http::WebSocket socket(std::move(exchange->client), http::WebSocket::Role::kClient);
  *out = co_await ReceiveAll(&socket);
  EXPECT_EQ(socket.close_code(), 1000);
  co_await group.Join();
}

class FollowTest : public InsideTest {
 protected:
  FollowTest() {
    Answer(Type::kCommandLogs, {{Type::kStdout, "one"}, {Type::kStdout, "two"}}, Type::kLogEnd,
           CommandInfo{"c1", "x", true, 0});
  }
  static constexpr char kLogs[] = "/process/session/s/command/c1/logs?follow=true";
  static void AskUpgrade(FakeExchange& exchange) {
    exchange.headers().Add("Connection", "Upgrade");
    exchange.headers().Add("Upgrade", "websocket");
    exchange.headers().Add("Sec-WebSocket-Version", "13");
    exchange.headers().Add("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==");
  }
  std::string TokenFor(int port) {
    const std::string path = "/api/sandbox/" + base_.substr(base_.rfind('/') + 1) + "/ports/";
    return *json::GetString(Json(*Send("GET", path + std::to_string(port) + "/preview-url")),
                            "token");
  }
};

TEST_F(FollowTest, ALogIsCompleteBeforeItsClose) {
  FakeExchange exchange("GET", base_ + kLogs);
  exchange.headers().Add("Authorization", "Bearer " + key_);
  AskUpgrade(exchange);
  std::string seen;
  loop_.RunUntil(HandleThenReceive(api_.get(), &exchange, &seen));
  EXPECT_EQ(exchange.answer.status, 101);
  EXPECT_FALSE(exchange.answer.headers.Has("Sec-WebSocket-Protocol"));
  EXPECT_EQ(seen, "\x01\x01\x01onetwo");
}

TEST_F(FollowTest, ABrowserShowsTheTokenOfPortOne) {
  FakeExchange exchange("GET", base_ + kLogs + "&DAYTONA_SANDBOX_AUTH_KEY=" + TokenFor(1));
  exchange.headers().Add("Sec-WebSocket-Protocol", "X-Daytona-SDK-Version~0.216.0");
  AskUpgrade(exchange);
  std::string seen;
  loop_.RunUntil(HandleThenReceive(api_.get(), &exchange, &seen));
  EXPECT_EQ(exchange.answer.headers.Get("Sec-WebSocket-Protocol"), "X-Daytona-SDK-Version~0.216.0");
  EXPECT_EQ(seen, "\x01\x01\x01onetwo");
}

TEST_F(FollowTest, ATokenForAPreviewOpensNoToolbox) {
  FakeExchange socket("GET", base_ + kLogs + "&DAYTONA_SANDBOX_AUTH_KEY=" + TokenFor(3000));
  AskUpgrade(socket);
  Handle(socket);
  EXPECT_EQ(socket.answer.status, 401);
  FakeExchange plain("GET", base_ + "/version?DAYTONA_SANDBOX_AUTH_KEY=" + TokenFor(1));
  Handle(plain);
  EXPECT_EQ(plain.answer.status, 401);
}

TEST_F(InsideTest, AnUploadStreamsEachFileToItsPath) {
  inside_->replies[Type::kFileWrite] = {FakeToolbox::Of(Type::kOk, Empty{})};
  FakeExchange exchange("POST", base_ + "/files/bulk-upload",
                        "--b\r\nContent-Disposition: form-data; name=\"files[0].path\"\r\n\r\n"
                        "dir/a.txt\r\n--b\r\nContent-Disposition: form-data; "
                        "name=\"files[0].file\"; filename=\"x\"\r\n\r\nhello\r\n--b--\r\n");
  exchange.headers().Add("Authorization", "Bearer " + key_);
  exchange.headers().Add("Content-Type", "multipart/form-data; boundary=b");
  Handle(exchange);
  ASSERT_EQ(exchange.answer.status, 200) << exchange.text;
  EXPECT_EQ(Asked<FileWrite>().path, "dir/a.txt");
  std::string content;
  for (const auto& frame : inside_->asked) {
    if (static_cast<Type>(frame.type) == Type::kData) content += frame.body;
  }
  EXPECT_EQ(content, "hello");
}

TEST_F(InsideTest, ACutUploadNeverFinishesItsFile) {
  inside_->replies[Type::kFileWrite] = {FakeToolbox::Of(Type::kOk, Empty{})};
  FakeExchange exchange("POST", base_ + "/files/bulk-upload",
                        "--b\r\nContent-Disposition: form-data; name=\"files[0].path\"\r\n\r\n"
                        "a\r\n--b\r\nContent-Disposition: form-data; name=\"files[0].file\"; "
                        "filename=\"x\"\r\n\r\nhel");
  exchange.headers().Add("Authorization", "Bearer " + key_);
  exchange.headers().Add("Content-Type", "multipart/form-data; boundary=b");
  Handle(exchange);
  EXPECT_EQ(exchange.answer.status, 400) << exchange.text;
  for (const auto& frame : inside_->asked) {
    EXPECT_NE(static_cast<Type>(frame.type), Type::kDataEnd);
  }
}

TEST_F(InsideTest, ADownloadNamesEachFileAsItWasAsked) {
  FileInfo info;
  info.path = "dir/a.txt";
  info.name = "a.txt";
  info.size = 5;
  info.mode = 0100644;
  inside_->replies[Type::kFileRead] = {FakeToolbox::Of(Type::kFiles, FileInfos{{info}}),
                                       {Type::kData, "hello"},
                                       FakeToolbox::Of(Type::kDataEnd, Empty{})};
  const auto answer = Send("POST", base_ + "/files/bulk-download", R"({"paths":["dir/a.txt"]})");
  ASSERT_EQ(answer->answer.status, 200) << answer->text;
  EXPECT_TRUE(answer->finished);
  EXPECT_NE(answer->text.find("name=\"file\"; filename=\"dir/a.txt\""), std::string::npos);
  EXPECT_NE(answer->text.find("Content-Length: 5\r\n\r\nhello\r\n--"), std::string::npos);
  EXPECT_TRUE(answer->text.ends_with("--\r\n"));
}

TEST_F(InsideTest, AFileThatBreaksOffBreaksTheAnswer) {
  FileInfo info;
  info.size = 10;
  info.mode = 0100644;
  inside_->replies[Type::kFileRead] = {FakeToolbox::Of(Type::kFiles, FileInfos{{info}}),
                                       {Type::kData, "hello"},
                                       FakeToolbox::Of(Type::kDataEnd, Empty{})};
  const auto answer = Send("GET", base_ + "/files/download?path=a");
  EXPECT_EQ(answer->answer.status, 200);
  EXPECT_FALSE(answer->finished);
}

}  // namespace
}  // namespace cove::api
