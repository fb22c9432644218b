#include <fcntl.h>
#include <linux/close_range.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>

#include <csignal>

#include "toolbox/file_worker.h"

namespace cove::toolbox {
namespace internal {
namespace {

constexpr size_t kHeader = 8;

bool ReadAll(int fd, char* to, size_t size) {
  while (size > 0) {
    const ssize_t n = recv(fd, to, size, MSG_WAITALL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    to += n;
    size -= static_cast<size_t>(n);
  }
  return true;
}

}  // namespace

bool HostLink::Send(Type type, std::span<const char> body) {
  char header[kHeader] = {};
  const auto length = static_cast<uint32_t>(body.size());
  for (size_t i = 0; i < 4; ++i) header[i] = static_cast<char>((length >> (8 * i)) & 0xff);
  header[4] = static_cast<char>(static_cast<uint16_t>(type) & 0xff);
  header[5] = static_cast<char>(static_cast<uint16_t>(type) >> 8);
  iovec parts[2] = {{header, kHeader}, {const_cast<char*>(body.data()), body.size()}};
  size_t left = kHeader + body.size();
  while (left > 0) {
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    const ssize_t n = sendmsg(fd_, &message, MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return false;
    left -= static_cast<size_t>(n);
    auto skip = static_cast<size_t>(n);
    for (iovec& part : parts) {
      const size_t here = std::min(skip, part.iov_len);
      part.iov_base = static_cast<char*>(part.iov_base) + here;
      part.iov_len -= here;
      skip -= here;
    }
  }
  return true;
}

bool HostLink::Receive(Type* type, std::string* body) {
  unsigned char header[kHeader];
  if (!ReadAll(fd_, reinterpret_cast<char*>(header), kHeader)) return false;
  uint32_t length = 0;
  for (size_t i = 0; i < 4; ++i) length |= static_cast<uint32_t>(header[i]) << (8 * i);
  if (length > proto::kFrameBodyMax) return false;
  *type = static_cast<Type>(header[4] | (header[5] << 8));
  body->resize(length);
  return ReadAll(fd_, body->data(), length);
}

namespace {

template <class Message>
Outcome With(const FileJob& job, HostLink& host, Outcome (*run)(HostLink&, const Message&)) {
  ASSIGN_OR_RETURN(Message message, proto::Decode<Message>(job.body));
  if constexpr (requires { message.path; }) {
    ASSIGN_OR_RETURN(message.path, Absolute(message.path, job.account.home));
  }
  return run(host, message);
}

Outcome Dispatch(const Confinement& confinement, const FileJob& job, HostLink& host) {
  using namespace proto::toolbox;
  const std::string& home = job.account.home;
  switch (job.type) {
    case Type::kFileList: {
      ASSIGN_OR_RETURN(const FileList m, proto::Decode<FileList>(job.body));
      ASSIGN_OR_RETURN(const std::string path, Absolute(m.path, home));
      return ListFolder(host, path, m.depth);
    }
    case Type::kFileStat: {
      ASSIGN_OR_RETURN(const PathRef m, proto::Decode<PathRef>(job.body));
      ASSIGN_OR_RETURN(const std::string path, Absolute(m.path, home));
      return StatFile(host, path);
    }
    case Type::kFileMkdir: {
      ASSIGN_OR_RETURN(const FileMkdir m, proto::Decode<FileMkdir>(job.body));
      ASSIGN_OR_RETURN(const std::string path, Absolute(m.path, home));
      return MakeFolders(host, path, m.mode);
    }
    case Type::kFileMove: {
      ASSIGN_OR_RETURN(FileMove m, proto::Decode<FileMove>(job.body));
      ASSIGN_OR_RETURN(m.source, Absolute(m.source, home));
      ASSIGN_OR_RETURN(m.destination, Absolute(m.destination, home));
      return MovePath(host, m, confinement.seccomp);
    }
    case Type::kFileReplace: {
      ASSIGN_OR_RETURN(const FileReplace m, proto::Decode<FileReplace>(job.body));
      return ReplaceText(host, m, home);
    }
    case Type::kFileDelete:
      return With<FileDelete>(job, host, DeletePath);
    case Type::kFileSetMode:
      return With<FileSetMode>(job, host, SetMode);
    case Type::kFileRead:
      return With<FileRead>(job, host, SendFile);
    case Type::kFileWrite:
      return With<FileWrite>(job, host, ReceiveFile);
    case Type::kFileFind:
      return With<FileFind>(job, host, FindText);
    case Type::kFileSearch:
      return With<FileFind>(job, host, SearchNames);
    default:
      return Error(Code::kInvalid, "no file operation");
  }
}

void SendError(HostLink& host, const Error& error) {
  proto::toolbox::ErrorReply reply;
  reply.code = static_cast<uint8_t>(error.code());
  reply.message = error.message();
  host.Send(Type::kError, reply);
}

}  // namespace
}  // namespace internal

bool IsFileOperation(Type type) {
  return type >= Type::kFileList && type <= Type::kFileReplace && type != Type::kFiles;
}

void RunFileWorker(const Confinement& confinement, const FileJob& job) {
  constexpr int kConnection = 3;
  // Nobody inside may look into this copy of PID 1, whatever identity it takes.
  prctl(PR_SET_DUMPABLE, 0);
  setsid();
  internal::HostLink host(job.connection);
  const Step step = BecomeUser(confinement, job.account, confinement.worker_seccomp);
  if (step != Step::kNone) {
    internal::SendError(host, Error::FromErrno(std::string("file worker: ") + StepText(step)));
    _exit(1);
  }
  prctl(PR_SET_DUMPABLE, 0);
  if (job.connection != kConnection && dup2(job.connection, kConnection) != kConnection) _exit(1);
  syscall(SYS_close_range, static_cast<unsigned>(kConnection) + 1, ~0U, 0);
  fcntl(kConnection, F_SETFD, FD_CLOEXEC);
  // The flag is shared with the toolbox's own descriptor, which asks for MSG_DONTWAIT by itself.
  fcntl(kConnection, F_SETFL, fcntl(kConnection, F_GETFL) & ~O_NONBLOCK);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  umask(022);
  internal::HostLink link(kConnection);
  const auto outcome = internal::Dispatch(confinement, job, link);
  if (!outcome) internal::SendError(link, outcome.error());
  shutdown(kConnection, SHUT_WR);
  _exit(0);
}

}  // namespace cove::toolbox
