// The fixture of the driver's tests; see box_fixture.h.
#include "sandbox/box_fixture.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "base/testing.h"
#include "base/text.h"
#include "net/socket.h"
#include "proto/boot.h"
#include "sys/cgroup.h"

namespace cove::sandbox {
namespace {

std::unique_ptr<TempDir> g_root;

// Programs with the libraries they name, at the places they have here.
constexpr char kBuildImage[] = R"(set -e
cd "$1"
mkdir -p usr/bin usr/sbin usr/lib usr/lib64 etc home/daytona root tmp var/tmp
ln -s usr/bin bin; ln -s usr/sbin sbin; ln -s usr/lib lib; ln -s usr/lib64 lib64
for p in bash cat chmod chown cp dd echo env grep head id ls mkdir mount mv perl rm sh sleep stat \
         sysctl touch true umount unshare wc ip ss nft bwrap; do
  f=$(type -P $p) || continue
  f=$(readlink -f "$f")
  cp -L --parents "$f" .
  [ -e usr/bin/$p ] || [ -e usr/sbin/$p ] || ln -s "$f" usr/bin/$p
  ldd "$f" | grep -o '/[^ ]*' >> /tmp/cove-libs.$$ || true
done
ldd "$2" | grep -o '/[^ ]*' >> /tmp/cove-libs.$$
sort -u /tmp/cove-libs.$$ | while read -r lib; do cp -L --parents "$lib" .; done
rm /tmp/cove-libs.$$
printf 'root:x:0:0:root:/root:/bin/bash\ndaytona:x:1000:1000::/home/daytona:/bin/bash\n' > etc/passwd
printf 'root:x:0:\ntty:x:5:\ndaytona:x:1000:\n' > etc/group
printf 'nameserver 10.0.0.2\n' > etc/resolv.conf
chown 1000:1000 home/daytona
)";

std::string ReadAll(int fd) {
  std::string out;
  char buffer[65536];
  while (true) {
    const ssize_t n = read(fd, buffer, sizeof buffer);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return out;
    out.append(buffer, static_cast<size_t>(n));
  }
}

}  // namespace

void BoxTest::SetUpTestSuite() {
  NEEDS_ROOT();
  g_root = std::make_unique<TempDir>("/var/tmp");
  ASSERT_EQ(mkdir(Layer().c_str(), 0755), 0);
  const std::string script = *g_root / "build.sh";
  FILE* file = fopen(script.c_str(), "w");
  fputs(kBuildImage, file);
  fclose(file);
  const std::string command = "bash " + script + " " + Layer() + " $(readlink -f /proc/" +
                              std::to_string(getpid()) + "/exe)";
  ASSERT_EQ(std::system(command.c_str()), 0);
}

void BoxTest::TearDownTestSuite() { g_root.reset(); }

std::string BoxTest::Layer() { return *g_root / "layer"; }

void BoxTest::SetUp() {
  NEEDS_ROOT();
  id_ = SandboxId(NewUuid());
  dir_ = *g_root / id_.value;
  ASSERT_EQ(mkdir(dir_.c_str(), 0700), 0);
  auto made =
      NamespaceDriver::Make({.toolbox_path = "/proc/self/exe", .cgroup_parent = CgroupParent()});
  ASSERT_TRUE(made) << made.error().message();
  driver_ = *std::move(made);
  auto prepared = PrepareBoxDir(BoxDir(), "box");
  ASSERT_TRUE(prepared) << prepared.error().message();
}

void BoxTest::TearDown() {
  EndBox();
  driver_.reset();
  if (auto tree = sys::CgroupTree::Open(CgroupParent())) {
    auto removed = tree->RemoveParent();
    EXPECT_TRUE(removed) << removed.error().message();
  }
}

BoxSpec BoxTest::Spec() {
  BoxSpec spec;
  spec.id = id_;
  spec.layers = {Layer()};
  spec.box_dir = BoxDir();
  spec.uid_base = kTestUidBase;
  spec.limits = {.cpu_millis = 2000, .memory_bytes = 256ull << 20, .pids = 64, .disk_bytes = 0};
  spec.hostname = "box-under-test";
  spec.socket_path = dir_ + "/box.sock";
  return spec;
}

void BoxTest::StartBox(BoxSpec spec) {
  auto started = Wait(driver_->Start(std::move(spec)));
  ASSERT_TRUE(started) << started.error().message();
  box_ = *std::move(started);
}

void BoxTest::EndBox() {
  if (box_) {
    EXPECT_TRUE(driver_->Kill(*box_));
    Wait(driver_->WaitExit(*box_));
    box_.reset();
  }
  if (!driver_) return;
  auto removed = Wait(driver_->RemoveCgroups(id_, Now() + seconds(10)));
  EXPECT_TRUE(removed) << removed.error().message();
}

CommandResult BoxTest::Run(unsigned uid, const std::string& script) {
  const auto address = net::SocketAddress::FromUnixPath(dir_ + "/box.sock");
  const UniqueFd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connect(fd.get(), address->get(), address->size) != 0) return {"cannot connect", -1};
  const std::string request = std::to_string(uid) + '\0' + script + '\0';
  (void)!write(fd.get(), request.data(), request.size());
  shutdown(fd.get(), SHUT_WR);
  const timeval limit{20, 0};
  setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  std::string all = ReadAll(fd.get());
  const size_t mark = all.rfind("\nexit=");
  if (mark == std::string::npos) return {all + "[no status]", -1};
  const int status = std::atoi(all.c_str() + mark + 6);
  return {all.substr(0, mark), status};
}

std::string BoxTest::Output(unsigned uid, const std::string& script) {
  const CommandResult result = Run(uid, script);
  EXPECT_EQ(result.status, 0) << script << "\n" << result.output;
  return result.output;
}

}  // namespace cove::sandbox
