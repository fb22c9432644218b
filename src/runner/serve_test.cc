// Goal: the whole runner, with real sandboxes: create, work, stop, start, snapshot, survive its own
// death, delete, and leave nothing.
// Method: this program started again as `cove serve` and as its front, which plays a script, on an
// image of a few of the host's programs. Needs root and a cove-toolbox beside this program.
#include "runner/serve.h"

#include "base/sanitizers.h"
#include "image/host_capture.h"
#include "proto/runner_client.h"
#include "proto/toolbox_client.h"
#include "runner/front_process.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

using proto::RunnerClient;
using testing::kA;
using testing::kB;

constexpr const char* kDataVariable = "COVE_TEST_DATA";
constexpr const char* kScriptVariable = "COVE_TEST_SCRIPT";

#define STEP(expr)                                                          \
  do {                                                                      \
    auto step_result = (expr);                                              \
    if (!step_result) co_return std::move(step_result).error().Wrap(#expr); \
  } while (0)
#define CHECK_THAT(expr) \
  if (!(expr)) co_return Error(Code::kInternal, "not true: " #expr)

Task<Result<std::string>> Exec(std::string socket, std::string command) {
  proto::toolbox::ToolboxClient toolbox(std::move(socket));
  proto::toolbox::ExecRequest request;
  request.command = std::move(command);
  CO_ASSIGN_OR_RETURN(auto out, co_await toolbox.Run(std::move(request), 1 << 20));
  if (out.status.code != 0) {
    co_return Error(Code::kInternal,
                    "exit " + std::to_string(out.status.code) + ": " + out.out + out.err);
  }
  co_return std::move(out.out);
}

proto::runner::BoxCreate Request(const SandboxId& id, const ImageId& image) {
  proto::runner::BoxCreate request;
  request.id = id;
  request.image = image;
  request.hostname = "box";
  return request;
}

Task<Result<void>> FirstLife(RunnerClient* runner) {
  CO_ASSIGN_OR_RETURN(const auto images, co_await runner->ListImages());
  CHECK_THAT(images.size() == 1);
  const auto& image = images[0];
  auto made = co_await runner->CreateBox(Request(kA, image.id));
  if (!made) co_return std::move(made).error().Wrap("create");
  const std::string socket = made->info.toolbox_socket;
  CO_ASSIGN_OR_RETURN(const auto who,
                      co_await Exec(socket, "id -un; cat /etc/resolv.conf; echo x > kept"));
  CHECK_THAT(who == "daytona\nnameserver 10.0.0.2\n");
  STEP(co_await Exec(socket,
                     "! ls /home | grep -v daytona; test ! -e /etc/shadow; command -v cove-serve"));
  STEP(co_await runner->StopBox(kA, seconds(5)));
  STEP(co_await runner->StartBox(kA));
  CO_ASSIGN_OR_RETURN(const auto kept, co_await Exec(socket, "cat kept"));
  CHECK_THAT(kept == "x\n");
  CHECK_THAT(!co_await runner->SnapshotBox(kA));
  STEP(co_await runner->StopBox(kA, seconds(5)));
  CO_ASSIGN_OR_RETURN(const auto snapshot, co_await runner->SnapshotBox(kA));
  CHECK_THAT(snapshot.layers.size() == 2);
  CHECK_THAT(!co_await runner->DeleteImage(image.id));
  STEP(co_await runner->CreateBox(Request(kB, snapshot.id)));
  co_return Ok();
}

Task<Result<void>> SecondLife(RunnerClient* runner) {
  CO_ASSIGN_OR_RETURN(const auto boxes, co_await runner->ListBoxes());
  CHECK_THAT(boxes.size() == 2);
  CHECK_THAT(boxes[0].state == proto::runner::BoxState::kStopped);
  CHECK_THAT(boxes[1].state == proto::runner::BoxState::kRunning);
  auto box = co_await runner->AttachBox(kB);
  if (!box) co_return std::move(box).error().Wrap("attach");
  CO_ASSIGN_OR_RETURN(const auto kept, co_await Exec(box->info.toolbox_socket, "cat kept"));
  CHECK_THAT(kept == "x\n");
  STEP(co_await runner->DeleteBox(kA));
  STEP(co_await runner->DeleteBox(kB));
  CO_ASSIGN_OR_RETURN(const auto images, co_await runner->ListImages());
  CHECK_THAT(images.size() == 2);
  CO_ASSIGN_OR_RETURN(const auto none, co_await runner->ListBoxes());
  CHECK_THAT(none.empty());
  co_return Ok();
}

Task<Result<void>> Play(RunnerClient* runner, std::string script) {
  CO_RETURN_IF_ERROR(co_await runner->WaitHello(Now() + seconds(10)));
  if (script == "first") co_return co_await FirstLife(runner);
  co_return co_await SecondLife(runner);
}

int ScriptedFront() {
  async::Loop loop;
  RunnerClient runner(UniqueFd(3));
  const std::string data = std::getenv(kDataVariable);
  const std::string script = std::getenv(kScriptVariable);
  const auto played = loop.RunUntil(Play(&runner, script));
  std::ofstream(data + "/front/" + script)
      << (played ? std::string("done") : played.error().message());
  runner.SendReady();
  loop.RunUntil(runner.WaitClosed());
  return 0;
}

__attribute__((constructor)) void MaybeServe(int argc, char** argv, char**) {
  const std::string_view verb = argc > 1 ? argv[1] : "";
  if (verb == "serve") _exit(ServeMain(std::vector<std::string>(argv + 2, argv + argc)));
  if (verb == "front" && std::getenv(kScriptVariable) != nullptr) _exit(ScriptedFront());
}

// A root with a shell and what it needs, for the image to be captured from.
constexpr const char* kSmallHost = R"SH(set -e
cd "$1"; mkdir -p usr/bin usr/lib usr/lib64 usr/sbin etc
ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib; ln -s usr/lib64 lib64
for p in bash sh cat id ls grep sleep; do
  cp -L /usr/bin/$p usr/bin/
  ldd /usr/bin/$p | grep -o '/[^ ]*' | while read -r lib; do
    mkdir -p ".$(dirname "$lib")"; [ -e ".$lib" ] || cp -L "$lib" ".$lib"
  done
done
cp /etc/passwd /etc/group etc/; chmod -R go+rX usr
)SH";

class ServeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto self = std::filesystem::read_symlink("/proc/self/exe").parent_path();
    NEEDS_ROOT();
    if (kSanitized)
      GTEST_SKIP() << "a sanitized toolbox is not static; the small host lacks its libraries";
    ASSERT_TRUE(std::filesystem::exists(self / "cove-toolbox"));
    ASSERT_NO_FATAL_FAILURE(CaptureSmallHost());
  }
  void CaptureSmallHost() {
    auto data = DataDir::Open(path);
    ASSERT_TRUE(data && data->OpenDirs());
    const std::string root = path + "/small-host";
    std::filesystem::create_directory(root);
    std::ofstream(path + "/make.sh") << kSmallHost;
    ASSERT_EQ(std::system(("sh " + path + "/make.sh " + root).c_str()), 0);
    const auto image = image::CaptureHost({root}, data->images(), 0, {});
    ASSERT_TRUE(image) << image.error().message();
  }

  // Starts a server whose front plays `script`, and gives what became of it once it is ready.
  std::string Play(const std::string& script, Child* server) {
    int ends[2];
    EXPECT_EQ(pipe2(ends, O_CLOEXEC), 0);
    const UniqueFd out(ends[0]);
    UniqueFd in(ends[1]);
    SpawnRequest request;
    request.args = {"serve", "--listen", "127.0.0.1:0", "--data", path};
    request.env = {std::string(kDataVariable) + "=" + path,
                   std::string(kScriptVariable) + "=" + script,
                   "PATH=/usr/sbin:/usr/bin:/sbin:/bin"};
    const UniqueFd stderr_copy(dup(2));
    dup2(in.get(), 2);  // a spawned child has its standard output there, too
    auto child = Spawn(request);
    dup2(stderr_copy.get(), 2);
    in.Reset();
    EXPECT_TRUE(child);
    *server = *std::move(child);
    std::string text;
    char buffer[512];
    for (ssize_t n; text.find("\nready http://127.0.0.1:") == std::string::npos &&
                    (n = read(out.get(), buffer, sizeof buffer)) > 0;) {
      text.append(buffer, static_cast<size_t>(n));
    }
    log += text;
    std::ifstream result(path + "/front/" + script);
    return {std::istreambuf_iterator<char>(result), {}};
  }
  size_t Entries(const std::string& name) const {
    size_t n = 0;
    for ([[maybe_unused]] const auto& e : std::filesystem::directory_iterator(path + name)) ++n;
    return n;
  }

  async::Loop loop;
  const TempDir dir{"/var/tmp"};
  const std::string& path = dir.path();
  std::string log;
};

TEST_F(ServeTest, ASandboxOutlivesTheServerAndADeletedOneLeavesNothing) {
  Child server;
  ASSERT_EQ(Play("first", &server), "done") << log;
  server.Signal(SIGKILL);
  loop.RunUntil(server.Wait());
  ASSERT_EQ(Play("second", &server), "done") << log;
  server.Signal(SIGTERM);
  EXPECT_EQ(loop.RunUntil(server.Wait()), 0);
  EXPECT_EQ(Entries("/runner/boxes"), 0u);
  EXPECT_EQ(Entries("/runner/trash"), 0u);
  EXPECT_EQ(Entries("/run"), 0u);
}

}  // namespace
}  // namespace cove::runner
