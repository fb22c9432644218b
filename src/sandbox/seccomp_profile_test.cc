// Goal: what a profile means to deny is denied whatever libseccomp knows, and calls that are
// younger than the profile do not exist. Method: the program itself, run on calls as the kernel
// would.
#include "sandbox/seccomp_profile.h"

#include <gtest/gtest.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cstring>
#include <vector>

namespace cove::sandbox {
namespace {

using proto::Profile;

#if defined(__x86_64__)
constexpr uint32_t kArch = AUDIT_ARCH_X86_64;
#else
constexpr uint32_t kArch = AUDIT_ARCH_AARCH64;
#endif

constexpr int kChmodAt2 = 452;
constexpr int kSetXattrAt = 463;
constexpr int kLastKnown = 469;

class Filter {
 public:
  explicit Filter(Profile profile, FileMarks marks = FileMarks::kAllowed) {
    const auto program = SeccompProgram(profile, marks);
    EXPECT_TRUE(program) << program.error().message();
    code_.resize(program->size() / sizeof(sock_filter));
    std::memcpy(code_.data(), program->data(), program->size());
  }
  // The errno that it answers; 0: the call is allowed; -1: the program is none.
  int Answer(int call, uint64_t third = 0, uint32_t arch = kArch) const {
    seccomp_data data{};
    data.nr = call;
    data.arch = arch;
    data.args[2] = third;
    const uint32_t action = Run(data);
    if (action == SECCOMP_RET_ALLOW) return 0;
    if ((action & SECCOMP_RET_ACTION_FULL) != SECCOMP_RET_ERRNO) return -1;
    return static_cast<int>(action & SECCOMP_RET_DATA);
  }

 private:
  uint32_t Run(const seccomp_data& data) const {
    uint32_t a = 0;
    for (size_t at = 0; at < code_.size(); ++at) {
      const sock_filter& op = code_[at];
      switch (op.code) {
        case BPF_LD | BPF_W | BPF_ABS:
          std::memcpy(&a, reinterpret_cast<const char*>(&data) + op.k, sizeof a);
          break;
        case BPF_ALU | BPF_AND | BPF_K:
          a &= op.k;
          break;
        case BPF_JMP | BPF_JA:
          at += op.k;
          break;
        case BPF_JMP | BPF_JEQ | BPF_K:
          at += a == op.k ? op.jt : op.jf;
          break;
        case BPF_JMP | BPF_JGE | BPF_K:
          at += a >= op.k ? op.jt : op.jf;
          break;
        case BPF_JMP | BPF_JGT | BPF_K:
          at += a > op.k ? op.jt : op.jf;
          break;
        case BPF_JMP | BPF_JSET | BPF_K:
          at += (a & op.k) != 0 ? op.jt : op.jf;
          break;
        case BPF_RET | BPF_K:
          return op.k;
        default:
          return SECCOMP_RET_KILL_PROCESS;
      }
    }
    return SECCOMP_RET_KILL_PROCESS;
  }
  std::vector<sock_filter> code_;
};

TEST(SeccompProfileTest, CallsYoungerThanTheProfileDoNotExist) {
  for (const Profile profile : {Profile::kDefault, Profile::kStrict}) {
    const Filter filter(profile);
    EXPECT_EQ(filter.Answer(SYS_read), 0);
    for (const int call : {kLastKnown + 1, kLastKnown + 2, 1000, 1 << 20, 400}) {
      EXPECT_EQ(filter.Answer(call), ENOSYS) << call;
    }
  }
  EXPECT_EQ(Filter(Profile::kDefault).Answer(kLastKnown), 0);
}

TEST(SeccompProfileTest, MarksAreDeniedByCallsThatLibseccompMayNotKnow) {
  const Filter plain(Profile::kDefault);
  EXPECT_EQ(plain.Answer(kSetXattrAt), 0);
  EXPECT_EQ(plain.Answer(kChmodAt2, 04755), 0);
  const Filter filter(Profile::kDefault, FileMarks::kDenied);
  EXPECT_EQ(filter.Answer(kSetXattrAt), EOPNOTSUPP);
  EXPECT_EQ(filter.Answer(kChmodAt2, 04755), EPERM);
  EXPECT_EQ(filter.Answer(kChmodAt2, 02755), EPERM);
  EXPECT_EQ(filter.Answer(kChmodAt2, 0755), 0);
  EXPECT_EQ(filter.Answer(SYS_setxattr), EOPNOTSUPP);
}

TEST(SeccompProfileTest, DeniedCallsAndOtherAbisAreRefused) {
  for (const Profile profile : {Profile::kDefault, Profile::kStrict}) {
    const Filter filter(profile);
    for (const int call : {SYS_bpf, SYS_keyctl, SYS_io_uring_setup, SYS_quotactl, 443}) {
      EXPECT_EQ(filter.Answer(call), EPERM) << call;
    }
    EXPECT_EQ(filter.Answer(SYS_read, 0, AUDIT_ARCH_I386), ENOSYS);
  }
  EXPECT_EQ(Filter(Profile::kStrict).Answer(440), EPERM) << "process_madvise";
  EXPECT_EQ(Filter(Profile::kStrict).Answer(kSetXattrAt), ENOSYS);
}

}  // namespace
}  // namespace cove::sandbox
