// /toolbox/{sandbox}/process/pty: terminals, and WebSockets that show them.
//
// To the client: text {"type":"control","status":"connected"} first, then the output as binary
// messages; at the end {"status":"exited","exitCode":n} when the client offered to read it, and a
// close whose reason says the same.
#include "api/exit_reason.h"
#include "api/inside.h"
#include "api/pty.h"
#include "api/routes.h"
#include "base/text.h"
#include "http/websocket.h"

namespace cove::api {
namespace {

constexpr uint16_t kSideMax = 1000;  // columns and rows
constexpr size_t kCloseWhyMax = 80;  // beside {"exitCode":-128,"exitReason":""}
constexpr std::string_view kExitControl = "X-Daytona-Pty-Exit-Control";
constexpr std::string_view kEnvsPrefix = "X-Daytona-Pty-Envs~";

json::Object PtyDto(const PtyInfo& info) {
  json::Object envs;
  for (const auto& [name, value] : info.envs) envs[name] = value;
  json::Object out;
  out["id"] = info.id;
  out["cwd"] = info.cwd;
  out["envs"] = std::move(envs);
  out["cols"] = info.window.cols;
  out["rows"] = info.window.rows;
  out["createdAt"] = FormatIso(info.created_at);
  out["active"] = true;
  out["lazyStart"] = false;
  return out;
}

Result<uint16_t> Side(int64_t value, std::string_view name) {
  if (value < 1 || value > kSideMax) {
    return Error(Code::kInvalid, std::string(name) + " must be a number from 1 to 1000");
  }
  return static_cast<uint16_t>(value);
}

Result<uint16_t> SideQuery(const Call& call, std::string_view name, uint16_t otherwise) {
  const auto text = call.request().Query(name);
  if (!text || text->empty()) return otherwise;
  return Side(ParseInt<int64_t>(*text).value_or(0), name);
}

std::vector<std::string> OfferedSubprotocols(const http::RequestHead& request) {
  std::vector<std::string> out;
  const auto offered = request.headers.Get("Sec-WebSocket-Protocol");
  if (!offered) return out;
  for (const std::string_view token : Split(*offered, ',')) out.emplace_back(Trim(token));
  return out;
}

// base64url (RFC 4648, section 5) without padding.
std::optional<std::string> DecodeBase64Url(std::string_view text) {
  std::string out;
  uint32_t bits = 0;
  int have = 0;
  for (const char c : text) {
    uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<uint32_t>(c - '0') + 52;
    } else if (c == '-' || c == '_') {
      value = c == '-' ? 62 : 63;
    } else {
      return std::nullopt;
    }
    bits = (bits << 6 | value) & 0xFFFFFF;
    have += 6;
    if (have >= 8) {
      have -= 8;
      out += static_cast<char>(bits >> have & 0xFF);
    }
  }
  return out;
}

Result<std::map<std::string, std::string>> EnvsOf(const std::vector<std::string>& offered) {
  for (const std::string& token : offered) {
    if (!token.starts_with(kEnvsPrefix)) continue;
    const auto text = DecodeBase64Url(std::string_view(token).substr(kEnvsPrefix.size()));
    if (!text) return Error(Code::kInvalid, "the terminal's envs are not base64url");
    json::Object body;
    ASSIGN_OR_RETURN(body["envs"], json::Parse(*text));
    return TextMapField(body, "envs");
  }
  return std::map<std::string, std::string>();
}

struct Attachment {
  std::shared_ptr<Pty> pty;
  std::unique_ptr<http::WebSocket> socket;
  bool exit_control = false;
  Pty::Viewer viewer;
  control::Sandboxes* sandboxes = nullptr;
  control::Sandbox sandbox;
  async::Event done;
};

Task<std::string> WhyEnded(Attachment* attachment) {
  const Pty& pty = *attachment->pty;
  if (pty.broken().empty()) co_return ExitReasonText(attachment->sandbox, *pty.ended());
  const Error broken(Code::kClosed, pty.broken());
  co_return (co_await attachment->sandboxes->Explain(attachment->sandbox.id, broken)).message();
}

Task<void> SendExit(Attachment* attachment) {
  const toolbox::ExitStatus status = *attachment->pty->ended();
  std::string why = co_await WhyEnded(attachment);
  json::Object reason;
  reason["exitCode"] = status.code;
  if (!why.empty()) reason["exitReason"] = why;
  if (attachment->exit_control) {
    json::Object control = reason;
    control["type"] = "control";
    control["status"] = "exited";
    const std::string text = json::Write(control);
    if (!co_await attachment->socket->SendText(text)) co_return;
  }
  // A close frame's reason holds 123 bytes; it must stay JSON.
  if (!why.empty()) reason["exitReason"] = CloseReason(why, kCloseWhyMax);
  (void)co_await attachment->socket->Close(status.code == 0 ? 1000 : 1011, json::Write(reason));
}

Task<void> ShowOutput(Attachment* attachment) {
  Pty::Viewer& viewer = attachment->viewer;
  for (;;) {
    co_await viewer.changed.Wait();
    viewer.changed.Reset();
    const std::string bytes = std::exchange(viewer.unsent, {});
    if (!bytes.empty() && !co_await attachment->socket->SendBinary(bytes)) break;
    if (viewer.overrun) {
      (void)co_await attachment->socket->Close(1013, "too slow for this terminal's output");
      break;
    }
    if (attachment->pty->ended() && viewer.unsent.empty()) {
      co_await SendExit(attachment);
      break;
    }
  }
  attachment->done.Set();
}

Task<void> TakeKeys(Attachment* attachment) {
  for (;;) {
    auto message = co_await attachment->socket->Receive();
    if (!message) break;
    if (!message->data.empty()) (void)co_await attachment->pty->Type(message->data);
  }
  attachment->done.Set();
}

Task<Result<void>> Attach(Call& call, std::shared_ptr<Pty> pty) {
  Attachment attachment;
  attachment.sandboxes = call.deps().sandboxes;
  CO_ASSIGN_OR_RETURN(attachment.sandbox, FindSandbox(call));
  attachment.pty = std::move(pty);
  const auto offered = OfferedSubprotocols(call.request());
  std::string selected;
  for (const std::string& token : offered) {
    if (token == kExitControl) {
      attachment.exit_control = true;
      selected = token;
    }
  }
  // A client that offered something wants one of it back.
  if (selected.empty() && !offered.empty()) selected = offered.front();
  struct Membership {
    Attachment* a;
    explicit Membership(Attachment* attachment) : a(attachment) { a->pty->Join(a->viewer); }
    ~Membership() { a->pty->Leave(a->viewer); }
  } const membership(&attachment);
  CO_ASSIGN_OR_RETURN(attachment.socket,
                      co_await http::AcceptWebSocket(call.exchange(), std::move(selected)));
  CO_RETURN_IF_ERROR(
      co_await attachment.socket->SendText(R"({"type":"control","status":"connected"})"));
  if (attachment.pty->ended()) attachment.viewer.changed.Set();
  async::TaskGroup group;
  group.Spawn(ShowOutput(&attachment));
  group.Spawn(TakeKeys(&attachment));
  co_await attachment.done.Wait();
  co_return Ok();
}

Result<void> CheckUpgrade(const Call& call) {
  if (http::IsWebSocketUpgrade(call.request())) return Ok();
  return Error(Code::kInvalid, "a terminal is shown over a WebSocket only");
}

Task<Result<std::shared_ptr<Pty>>> Start(Call& call, PtyInfo info) {
  if (info.id.empty() || info.id.size() > 128) {
    co_return Error(Code::kInvalid, "a terminal needs an id of 1 to 128 bytes");
  }
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  CO_ASSIGN_OR_RETURN(std::string socket, call.deps().sandboxes->ToolboxFor(sandbox.id));
  co_return co_await call.ptys().Create(sandbox.id, std::move(socket), std::move(info));
}

Task<Result<void>> CreateConnect(Call& call) {
  CO_RETURN_IF_ERROR(CheckUpgrade(call));
  PtyInfo info;
  info.id = call.request().Query("id").value_or("");
  info.cwd = call.request().Query("cwd").value_or("");
  CO_ASSIGN_OR_RETURN(info.window.cols, SideQuery(call, "cols", 80));
  CO_ASSIGN_OR_RETURN(info.window.rows, SideQuery(call, "rows", 24));
  CO_ASSIGN_OR_RETURN(info.envs, EnvsOf(OfferedSubprotocols(call.request())));
  CO_ASSIGN_OR_RETURN(auto pty, co_await Start(call, std::move(info)));
  co_return co_await Attach(call, std::move(pty));
}

Result<std::shared_ptr<Pty>> FindPty(Call& call) {
  ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  return call.ptys().Find(sandbox.id, call.Param("pty"));
}

Task<Result<void>> Connect(Call& call) {
  CO_RETURN_IF_ERROR(CheckUpgrade(call));
  CO_ASSIGN_OR_RETURN(auto pty, FindPty(call));
  co_return co_await Attach(call, std::move(pty));
}

Result<toolbox::WindowSize> WindowFields(const json::Object& body) {
  ASSIGN_OR_RETURN(const auto cols, IntField(body, "cols"));
  ASSIGN_OR_RETURN(const auto rows, IntField(body, "rows"));
  toolbox::WindowSize window;
  ASSIGN_OR_RETURN(window.cols, Side(cols.value_or(80), "cols"));
  ASSIGN_OR_RETURN(window.rows, Side(rows.value_or(24), "rows"));
  return window;
}

// SDKs up to 0.196: first this, then connect.
Task<Result<void>> Create(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  PtyInfo info;
  CO_ASSIGN_OR_RETURN(info.id, RequiredText(body, "id"));
  CO_ASSIGN_OR_RETURN(const auto cwd, TextField(body, "cwd"));
  info.cwd = cwd.value_or("");
  CO_ASSIGN_OR_RETURN(info.envs, TextMapField(body, "envs"));
  CO_ASSIGN_OR_RETURN(info.window, WindowFields(body));
  json::Object out;
  out["sessionId"] = info.id;
  CO_RETURN_IF_ERROR(co_await Start(call, std::move(info)));
  co_return co_await call.Reply(201, out);
}

Task<Result<void>> List(Call& call) {
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  json::Array sessions;
  for (const PtyInfo& info : call.ptys().List(sandbox.id)) sessions.push_back(PtyDto(info));
  json::Object out;
  out["sessions"] = std::move(sessions);
  co_return co_await call.Reply(200, out);
}

Task<Result<void>> Get(Call& call) {
  CO_ASSIGN_OR_RETURN(const auto pty, FindPty(call));
  co_return co_await call.Reply(200, PtyDto(pty->info()));
}

Task<Result<void>> Delete(Call& call) {
  CO_ASSIGN_OR_RETURN(const auto pty, FindPty(call));
  pty->Kill();
  co_return co_await call.ReplyEmpty(200);
}

Task<Result<void>> Resize(Call& call) {
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const toolbox::WindowSize window, WindowFields(body));
  CO_ASSIGN_OR_RETURN(const auto pty, FindPty(call));
  CO_RETURN_IF_ERROR(co_await pty->Resize(window));
  co_return co_await call.Reply(200, PtyDto(pty->info()));
}

}  // namespace

void AddPtyRoutes(Routes& routes) {
  const std::string all = "/process/pty";
  const std::string one = all + "/{pty}";
  routes.AddInside("POST", all, &Create, Area::kProcess);
  routes.AddInside("GET", all, &List, Area::kProcess);
  routes.AddInside("GET", all + "/create-connect", &CreateConnect, Area::kProcess,
                   control::Activity::kTerminal);
  routes.AddInside("GET", one, &Get, Area::kProcess);
  routes.AddInside("DELETE", one, &Delete, Area::kProcess);
  routes.AddInside("GET", one + "/connect", &Connect, Area::kProcess, control::Activity::kTerminal);
  routes.AddInside("POST", one + "/resize", &Resize, Area::kProcess);
}

}  // namespace cove::api
