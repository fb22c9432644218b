#include "proto/toolbox_client.h"

#include <fcntl.h>
#include <netinet/in.h>

#include "proto/toolbox_reply.h"

namespace cove::proto::toolbox {
namespace {

using ChannelPtr = std::unique_ptr<SharedChannel>;

Task<Result<ChannelPtr>> Open(std::string path, Type type, std::string body) {
  CO_ASSIGN_OR_RETURN(const auto address, net::SocketAddress::FromUnixPath(path));
  auto stream = co_await net::Connect(address, Now() + kConnectTimeout);
  if (!stream) {
    co_return Error(Code::kUnavailable,
                    "the sandbox does not answer; it may be stopped: " + stream.error().message(),
                    stream.error().sys_errno());
  }
  auto channel = std::make_unique<SharedChannel>(*std::move(stream));
  CO_RETURN_IF_ERROR(co_await channel->SendWhole(type, std::move(body)));
  co_return std::move(channel);
}

template <class Message>
Task<Result<ChannelPtr>> Begin(std::string path, Type type, Message message) {
  std::string body = Encode(message);
  if (body.size() > kFrameBodyMax) {
    co_return Error(Code::kTooLarge, "a request to a sandbox may have 1 MiB at most");
  }
  co_return co_await Open(std::move(path), type, std::move(body));
}

// One request, one reply.
template <class Answer, class Message>
Task<Result<Answer>> Call(std::string path, Type type, Message message, Type reply) {
  CO_ASSIGN_OR_RETURN(const ChannelPtr channel,
                      co_await Begin(std::move(path), type, std::move(message)));
  co_return co_await ReceiveMessage<Answer>(*channel, reply);
}

template <class Message>
Task<Result<void>> CallOk(std::string path, Type type, Message message) {
  CO_RETURN_IF_ERROR(co_await Call<Empty>(std::move(path), type, std::move(message), Type::kOk));
  co_return Ok();
}

// One request, any number of lists, kOk.
template <class List, class Item, class Message>
Task<Result<std::vector<Item>>> Gather(std::string path, Type type, Message message, Type part,
                                       std::vector<Item> List::* items) {
  CO_ASSIGN_OR_RETURN(const ChannelPtr channel,
                      co_await Begin(std::move(path), type, std::move(message)));
  std::vector<Item> all;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const Frame frame, co_await ReceiveReply(*channel));
    if (Is(frame, Type::kOk)) co_return std::move(all);
    if (!Is(frame, part)) co_return ErrorOfFrame(frame);
    CO_ASSIGN_OR_RETURN(List list, Decode<List>(frame.body));
    for (Item& item : list.*items) all.push_back(std::move(item));
    if (all.size() > kEntriesMax) {
      co_return Error(Code::kTooLarge, "more than " + std::to_string(kEntriesMax) +
                                           " entries; ask for a smaller part of the tree");
    }
  }
}

template <class Item>
Result<Item> OnlyOne(Result<std::vector<Item>> items) {
  if (!items) return std::move(items).error();
  if (items->size() != 1) return Error(Code::kInternal, "the toolbox answered with no single item");
  return std::move(items->front());
}

Result<void> CheckTcpSocket(int fd) {
  int type = 0;
  int protocol = 0;
  int domain = 0;
  socklen_t size = sizeof(int);
  const bool known = getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
                     getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) == 0 &&
                     getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0;
  if (!known || type != SOCK_STREAM || protocol != IPPROTO_TCP ||
      (domain != AF_INET && domain != AF_INET6) || !net::PeerAddress(fd)) {
    return Error(Code::kInternal, "the toolbox passed something else than a connected TCP socket");
  }
  const int flags = fcntl(fd, F_GETFL);
  if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0) return Error::FromErrno("fcntl");
  return Ok();
}

void Gather(std::string* to, const std::string& data, size_t max, bool* truncated) {
  const size_t room = max - std::min(max, to->size());
  to->append(data, 0, room);
  if (data.size() > room) *truncated = true;
}

}  // namespace

Task<Result<InfoReply>> ToolboxClient::Info() {
  return Call<InfoReply>(path_, Type::kInfo, Empty{}, Type::kInfoReply);
}
Task<Result<void>> ToolboxClient::Configure(EnvList env) {
  return CallOk(path_, Type::kConfigure, toolbox::Configure{std::move(env)});
}
Task<Result<void>> ToolboxClient::Shutdown() { return CallOk(path_, Type::kShutdown, Empty{}); }
Task<Result<void>> ToolboxClient::StopClocks() { return CallOk(path_, Type::kStopClocks, Empty{}); }
Task<Result<void>> ToolboxClient::StartClocks() {
  return CallOk(path_, Type::kStartClocks, Empty{});
}

Task<Result<std::unique_ptr<ExecStream>>> ToolboxClient::Exec(ExecRequest request) {
  CO_ASSIGN_OR_RETURN(ChannelPtr channel, co_await Begin(path_, Type::kExec, std::move(request)));
  CO_ASSIGN_OR_RETURN(const Started started,
                      co_await ReceiveMessage<Started>(*channel, Type::kStarted));
  co_return std::make_unique<ExecStream>(std::move(channel), started.pid);
}

Task<Result<ExecOutput>> ToolboxClient::Run(ExecRequest request, size_t output_max) {
  CO_ASSIGN_OR_RETURN(const auto stream, co_await Exec(std::move(request)));
  ExecOutput output;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const ExecEvent event, co_await stream->Next());
    switch (event.kind) {
      case ExecEvent::Kind::kStdout:
        Gather(&output.out, event.data, output_max, &output.truncated);
        break;
      case ExecEvent::Kind::kStderr:
        Gather(&output.err, event.data, output_max, &output.truncated);
        break;
      case ExecEvent::Kind::kExited:
        output.status = event.status;
        co_return std::move(output);
    }
  }
}

Task<Result<void>> ToolboxClient::CreateSession(std::string session) {
  return CallOk(path_, Type::kSessionCreate, SessionRef{std::move(session)});
}
Task<Result<void>> ToolboxClient::DeleteSession(std::string session) {
  return CallOk(path_, Type::kSessionDelete, SessionRef{std::move(session)});
}
Task<Result<SessionInfo>> ToolboxClient::GetSession(std::string session) {
  CO_ASSIGN_OR_RETURN(SessionList list,
                      co_await Call<SessionList>(path_, Type::kSessionGet,
                                                 SessionRef{std::move(session)}, Type::kSessions));
  co_return OnlyOne<SessionInfo>(std::move(list.sessions));
}
Task<Result<std::vector<SessionInfo>>> ToolboxClient::ListSessions() {
  CO_ASSIGN_OR_RETURN(SessionList list, co_await Call<SessionList>(path_, Type::kSessionList,
                                                                   Empty{}, Type::kSessions));
  co_return std::move(list.sessions);
}
Task<Result<CommandInfo>> ToolboxClient::SessionExecute(SessionExec request) {
  return Call<CommandInfo>(path_, Type::kSessionExec, std::move(request), Type::kCommand);
}
Task<Result<CommandInfo>> ToolboxClient::GetCommand(std::string session, std::string command) {
  return Call<CommandInfo>(path_, Type::kCommandGet,
                           CommandRef{std::move(session), std::move(command)}, Type::kCommand);
}
Task<Result<std::unique_ptr<LogStream>>> ToolboxClient::Logs(CommandLogs request) {
  CO_ASSIGN_OR_RETURN(ChannelPtr channel,
                      co_await Begin(path_, Type::kCommandLogs, std::move(request)));
  co_return std::make_unique<LogStream>(std::move(channel));
}
Task<Result<void>> ToolboxClient::SendInput(std::string session, std::string command,
                                            std::string data) {
  return CallOk(path_, Type::kCommandInput,
                CommandInput{std::move(session), std::move(command), std::move(data)});
}

Task<Result<std::vector<FileInfo>>> ToolboxClient::ListFiles(std::string path, uint32_t depth) {
  return Gather<FileInfos, FileInfo>(path_, Type::kFileList, FileList{std::move(path), depth},
                                     Type::kFiles, &FileInfos::files);
}
Task<Result<FileInfo>> ToolboxClient::Stat(std::string path) {
  CO_ASSIGN_OR_RETURN(
      FileInfos list,
      co_await Call<FileInfos>(path_, Type::kFileStat, PathRef{std::move(path)}, Type::kFiles));
  co_return OnlyOne<FileInfo>(std::move(list.files));
}
Task<Result<void>> ToolboxClient::MakeFolder(std::string path, uint32_t mode) {
  return CallOk(path_, Type::kFileMkdir, FileMkdir{std::move(path), mode});
}
Task<Result<void>> ToolboxClient::Delete(FileDelete request) {
  return CallOk(path_, Type::kFileDelete, std::move(request));
}
Task<Result<void>> ToolboxClient::Move(std::string source, std::string destination) {
  return CallOk(path_, Type::kFileMove, FileMove{std::move(source), std::move(destination)});
}
Task<Result<void>> ToolboxClient::SetMode(FileSetMode request) {
  return CallOk(path_, Type::kFileSetMode, std::move(request));
}
Task<Result<std::unique_ptr<FileReader>>> ToolboxClient::ReadFile(std::string path,
                                                                  uint64_t offset) {
  CO_ASSIGN_OR_RETURN(ChannelPtr channel,
                      co_await Begin(path_, Type::kFileRead, FileRead{std::move(path), offset}));
  CO_ASSIGN_OR_RETURN(FileInfos info, co_await ReceiveMessage<FileInfos>(*channel, Type::kFiles));
  CO_ASSIGN_OR_RETURN(FileInfo one, OnlyOne<FileInfo>(std::move(info.files)));
  co_return std::make_unique<FileReader>(std::move(channel), std::move(one));
}
Task<Result<std::unique_ptr<FileWriter>>> ToolboxClient::WriteFile(std::string path,
                                                                   uint32_t mode) {
  CO_ASSIGN_OR_RETURN(ChannelPtr channel,
                      co_await Begin(path_, Type::kFileWrite, FileWrite{std::move(path), mode}));
  co_return std::make_unique<FileWriter>(std::move(channel));
}
Task<Result<std::vector<Match>>> ToolboxClient::FindText(std::string path, std::string text) {
  return Gather<Matches, Match>(path_, Type::kFileFind, FileFind{std::move(path), std::move(text)},
                                Type::kMatches, &Matches::matches);
}
Task<Result<std::vector<std::string>>> ToolboxClient::SearchNames(std::string path,
                                                                  std::string glob) {
  auto found =
      Gather<Matches, Match>(path_, Type::kFileSearch, FileFind{std::move(path), std::move(glob)},
                             Type::kMatches, &Matches::matches);
  CO_ASSIGN_OR_RETURN(std::vector<Match> matches, co_await std::move(found));
  std::vector<std::string> names;
  names.reserve(matches.size());
  for (Match& match : matches) names.push_back(std::move(match.file));
  co_return std::move(names);
}
Task<Result<std::vector<Match>>> ToolboxClient::Replace(FileReplace request) {
  return Gather<Matches, Match>(path_, Type::kFileReplace, std::move(request), Type::kMatches,
                                &Matches::matches);
}

Task<Result<std::vector<PortInfo>>> ToolboxClient::ListPorts() {
  CO_ASSIGN_OR_RETURN(Ports ports,
                      co_await Call<Ports>(path_, Type::kPortList, Empty{}, Type::kPorts));
  co_return std::move(ports.ports);
}
Task<Result<std::unique_ptr<PortWatch>>> ToolboxClient::WatchPorts() {
  CO_ASSIGN_OR_RETURN(ChannelPtr channel, co_await Begin(path_, Type::kPortWatch, Empty{}));
  co_return std::make_unique<PortWatch>(std::move(channel));
}
Task<Result<UniqueFd>> ToolboxClient::ConnectPort(uint16_t port) {
  CO_ASSIGN_OR_RETURN(const ChannelPtr channel,
                      co_await Begin(path_, Type::kPortConnect, PortRef{port}));
  CO_ASSIGN_OR_RETURN(Frame frame, co_await ReceiveReply(*channel));
  if (!Is(frame, Type::kConnected)) co_return ErrorOfFrame(frame);
  if (frame.fds.size() != 1) {
    co_return Error(Code::kInternal, "the toolbox passed no single descriptor");
  }
  CO_RETURN_IF_ERROR(CheckTcpSocket(frame.fds[0].get()));
  co_return std::move(frame.fds[0]);
}

}  // namespace cove::proto::toolbox
