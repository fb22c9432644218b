// The Responses WebSocket: messages pass unchanged between agent and provider, and each
// "response.create" is a call of its own in the book, judged and recorded before it is sent.
// Source: OpenAI's "WebSocket mode" and its list of client and server events.
#include <deque>

#include "async/task_group.h"
#include "async/timer.h"
#include "bridge/answer_reader.h"
#include "bridge/body_pace.h"
#include "bridge/bridge_call.h"
#include "bridge/headers.h"
#include "http/websocket.h"
#include "log/log.h"

namespace cove::bridge {

namespace {

// Providers end such a connection after an hour themselves.
constexpr Duration kIdleTimeout = seconds(3600);
// As that of an HTTP server: who is paused reads on after it.
constexpr Duration kStalledTimeout = seconds(300);
constexpr Duration kFarewellTimeout = seconds(5);
constexpr uint16_t kTryAgainLater = 1013;  // IANA's registry of close codes
constexpr size_t kCallsMax = 16;           // asked for and not answered, on one connection

// The fields of the provider's handshake that tell the agent something.
http::Headers HandshakeExtra(const http::Headers& from_provider) {
  http::Headers out;
  for (const auto& [name, value] : DownstreamHeaders(from_provider)) {
    if (!http::IsWebSocketField(name)) out.Add(name, value);
  }
  out.Remove("content-length");
  return out;
}

// An error as the WebSocket's own: an event with the status that HTTP would have had.
std::string ErrorEvent(const ProviderError& error) {
  auto event = json::ParseObject(ErrorBody(ProviderKind::kOpenAi, error));
  json::Object out;
  out["type"] = "error";
  out["status"] = error.status;
  if (event) out["error"] = (*event)["error"];
  return json::Write(out);
}

// That its caller has one more open, while it lives. The Rates outlives it.
class Opened {
 public:
  Opened(Rates& all, const std::string& caller) : all_(all), caller_(caller) {
    may_ = !all_.Enter(caller_, Now());
  }
  ~Opened() {
    if (may_) all_.Leave(caller_);
  }
  Opened(const Opened&) = delete;
  // False: it has as many as it may.
  bool may() const { return may_; }

 private:
  Rates& all_;
  const std::string caller_;
  bool may_ = false;
};

std::string TypeOf(const std::string& event) {
  static const json::PieceTable table(std::vector<std::string>{"type"});
  std::string out;
  json::Pieces pieces(table, kTextBytesMax,
                      [&out](const json::Piece& piece) { out = json::Unquote(piece.text); });
  pieces.Feed(event);
  pieces.End();
  return out;
}

}  // namespace

// One connection. The bridge and the call outlive it.
class Bridge::Socket {
 public:
  Socket(Bridge& bridge, InFlight& call, std::unique_ptr<Opened> opened,
         std::unique_ptr<http::WebSocket> agent, std::unique_ptr<http::WebSocket> provider,
         CallEnd about)
      : bridge_(bridge),
        call_(call),
        opened_(std::move(opened)),
        about_(std::move(about)),
        agent_(std::move(agent)),
        provider_(std::move(provider)) {
    agent_->set_idle_timeout(kIdleTimeout);
    agent_->set_write_timeout(kStalledTimeout);
    call_.held.Join(bridge_.held_, CallerOf(call_.caller));
    agent_->set_on_part([this](size_t have) { return OnPart(have); });
    provider_->set_idle_timeout(kIdleTimeout);
  }

  Task<void> Run() {
    group_.Spawn(FromAgent());
    group_.Spawn(Answer());
    group_.Spawn(FromProvider());
    co_await over_.Wait();
    if (giving_up_) (void)co_await given_up_.Wait(Now() + 2 * kFarewellTimeout);
    group_.Clear();
    EndAll();
    (void)co_await provider_->Close(codec::ws_close::kNormal, "");
    if (!agent_gone_) (void)co_await agent_->Close(CloseCode(), provider_->close_reason());
  }

  // Lets go of the agent, whose connection is taken down, and of the call; true: answers are due
  // that must be heard out.
  bool Detach() {
    group_.Clear();
    agent_gone_ = true;
    agent_.reset();
    return !open_.empty();
  }
  // REQUIRES: Detach().
  Task<void> HearOut() {
    OnPassed();
    if (!open_.empty()) {
      group_.Spawn(FromProvider());
      (void)co_await over_.Wait(Now() + bridge_.deps_.limits.drain_time);
      group_.Clear();
    }
    EndAll();
    (void)co_await provider_->Close(codec::ws_close::kNormal, "");
  }

 private:
  struct Open {
    Open(Judged j, Ticket t)
        : judged(std::move(j)),
          ticket(std::move(t)),
          reader(Api::kResponses, AnswerForm::kEvents) {}
    Judged judged;
    Ticket ticket;
    TimePoint sent_at{};
    CallEnd end;
    AnswerReader reader;
  };

  // Reads on while a call waits, by one message: that is how it is known that the agent has left.
  Task<void> FromAgent() {
    for (;;) {
      auto message = co_await agent_->Receive();
      const bool timed_out = !message && message.error().code() == Code::kTimeout;
      if (timed_out && pace_) unread_ = TooSlow(bridge_.deps_.limits);
      pace_.reset();
      agent_->set_idle_timeout(kIdleTimeout);
      if (!message) break;
      if (const auto refused = Hold(message->data.size())) {
        // It is all here, so the connection can go on without it.
        (void)Hold(0);
        message->data = std::string();
        if (!co_await Refuse(*refused)) break;
        continue;
      }
      while (come_) co_await turn_.Wait();
      come_ = *std::move(message);
      coming_ = 0;
      turn_.NotifyAll();
    }
    if (unread_) co_await GiveUp(*std::move(unread_));
    left_.Set();
    turn_.NotifyAll();
  }

  // Ends the connection in the middle of a message, so that the agent hears why.
  Task<void> GiveUp(ProviderError why) {
    giving_up_ = true;
    agent_->DropMessages();
    (void)Hold(0);
    agent_->set_write_timeout(kFarewellTimeout);
    if (co_await Refuse(std::move(why))) (void)co_await agent_->Close(kTryAgainLater, "");
    giving_up_ = false;
    given_up_.Set();
  }

  // A message that is not looked at. False: the agent cannot be told.
  Task<bool> Refuse(ProviderError why) {
    bridge_.deps_.books->Refused(StartOf(call_), why);
    co_return (co_await agent_->SendText(ErrorEvent(why))).ok();
  }

  // A message takes room as a body does (bridge_body.cc), and comes as fast.
  Result<void> OnPart(size_t have) {
    const Limits& limits = bridge_.deps_.limits;
    if (!pace_) pace_.emplace(limits.body_step_bytes, limits.body_step_time);
    unread_ = Hold(have);
    pace_->Has(have);
    const Duration left = pace_->until() - Now();
    if (!unread_ && left <= Duration::zero()) unread_ = TooSlow(limits);
    if (unread_) return Error(Code::kExhausted, "no more of the message is read");
    agent_->set_idle_timeout(left);
    return Ok();
  }

  // Of the message that comes so much is there. Why there is no room for it, if so.
  std::optional<ProviderError> Hold(size_t coming) {
    coming_ = coming;
    return NoRoom(HoldAll());
  }
  HeldBytes::Room HoldAll() {
    return call_.held.Set(coming_ + (come_ ? come_->data.size() : 0) + judged_bytes_);
  }
  Task<void> Left() { co_await left_.Wait(); }

  Task<void> Answer() {
    for (;;) {
      while (!come_ && !left_.is_set()) co_await turn_.Wait();
      if (!come_) break;
      http::WebSocketMessage message = *std::move(come_);
      come_.reset();
      judged_bytes_ = message.data.size();
      turn_.NotifyAll();
      auto refused = co_await OnMessage(std::move(message));
      judged_bytes_ = 0;
      (void)HoldAll();
      if (refused && !(co_await agent_->SendText(ErrorEvent(*refused)))) break;
      if (barred_) break;
    }
    if (!barred_) agent_gone_ = true;
    // What was asked for is charged: hear it out, within limits.
    if (!open_.empty()) co_await async::Sleep(bridge_.deps_.limits.drain_time);
    over_.Set();
  }

  // A message as it is understood. What it was parsed into is gone by then: it may be large.
  struct Looked {
    enum class Kind { kCreate, kPasses, kUnknown } kind = Kind::kUnknown;
    Judged judged;                         // kCreate
    std::optional<ProviderError> refused;  // kCreate, kUnknown: why, where there is more to say
  };
  Looked LookAt(const http::WebSocketMessage& message) const {
    Looked out;
    auto parsed = message.text ? json::ParseObject(message.data)
                               : Result<json::Object>(Error(Code::kInvalid, "not a text"));
    if (!parsed) {
      if (parsed.error().code() == Code::kTooLarge) out.refused = Unparsed(parsed.error());
      return out;
    }
    const std::string type = json::GetString(*parsed, "type").value_or("");
    if (type == "response.processed" || type == "response.cancel") out.kind = Looked::Kind::kPasses;
    // Its fields stand beside the type; in an object of that name nobody has looked into them.
    if (type == "response.create" && json::Find(*parsed, "response") == nullptr) {
      out.kind = Looked::Kind::kCreate;
      out.refused = bridge_.JudgeParsed(call_, message.data, *std::move(parsed), out.judged);
    }
    return out;
  }

  // Why the message was not passed on; nothing: it was.
  Task<std::optional<ProviderError>> OnMessage(http::WebSocketMessage message) {
    Looked looked = LookAt(message);
    switch (looked.kind) {
      case Looked::Kind::kCreate:
        co_return co_await OnCreate(std::move(message.data), std::move(looked.judged),
                                    std::move(looked.refused));
      case Looked::Kind::kPasses:
        if (co_await provider_->SendText(message.data)) co_return std::nullopt;
        co_return Unreachable();
      case Looked::Kind::kUnknown:
        break;
    }
    ProviderError none{
        400, "cove_no_route",
        "The model gateway passes \"response.create\" with its fields beside the type, "
        "\"response.cancel\" and \"response.processed\"; this message is none of them."};
    if (looked.refused) none = *std::move(looked.refused);
    bridge_.deps_.books->Refused(StartOf(call_), none);
    co_return none;
  }

  // Why the caller may go on no longer: it was let in when the connection began.
  std::optional<ProviderError> Ended() const {
    const auto& ended = bridge_.deps_.ended;
    return ended ? ended(call_.caller) : std::nullopt;
  }

  Task<std::optional<ProviderError>> OnCreate(std::string text, Judged judged,
                                              std::optional<ProviderError> refused) {
    judged.start.stream = true;
    if (open_.size() == kCallsMax) {
      refused = ProviderError{429, "cove_at_capacity",
                              "Too many responses are asked for at once on this connection."};
    }
    if (auto ended = Ended()) {
      barred_ = true;
      refused = std::move(ended);
    }
    if (refused) {
      bridge_.deps_.books->Refused(std::move(judged.start), *refused);
      co_return refused;
    }
    // The agent goes on: what failed is over for it, and would keep its seat from what follows.
    if (open_.size() == 1 && Failing(open_.front())) {
      End(OutcomeNow());
      leftovers_ = true;
    }
    if (!judged.edited.empty()) text = std::move(judged.edited);
    auto admitted =
        co_await bridge_.deps_.books->Admit(judged.start, {}, [this] { return Left(); });
    if (auto* error = std::get_if<ProviderError>(&admitted)) co_return std::move(*error);
    if (bridge_.deps_.used) bridge_.deps_.used(call_.caller.sandbox);
    Open& open = open_.emplace_back(std::move(judged), std::move(std::get<Ticket>(admitted)));
    open.sent_at = Now();
    open.end = about_;
    // If it cannot be sent the provider is gone: its own side ends the connection and the call.
    (void)co_await provider_->SendText(text);
    co_return std::nullopt;
  }

  Task<void> FromProvider() {
    for (;;) {
      auto message = co_await provider_->Receive();
      if (!message) break;
      passing_ = *std::move(message);
      if (!agent_gone_ && !(co_await Pass(*passing_))) agent_gone_ = true;
      OnPassed();
      if ((agent_gone_ || barred_) && open_.empty()) break;
    }
    over_.Set();
  }

  Task<Result<void>> Pass(const http::WebSocketMessage& message) {
    if (message.text) co_return co_await agent_->SendText(message.data);
    co_return co_await agent_->SendBinary(message.data);
  }

  void OnPassed() {
    if (passing_ && passing_->text) OnEvent(passing_->data);
    passing_.reset();
  }

  // Responses come in the order in which they were asked for.
  void OnEvent(const std::string& text) {
    if (open_.empty()) return;
    if (leftovers_) {
      const std::string type = TypeOf(text);
      if (type != "response.created" && type != "error") return;
      leftovers_ = false;
    }
    if (Failing(open_.front()) && open_.size() > 1 && TypeOf(text) == "response.created") {
      End(OutcomeNow());
    }
    Open& open = open_.front();
    if (!open.end.first_byte) open.end.first_byte = Since(open.sent_at);
    open.end.response_bytes += text.size();
    open.reader.OnEvent(text);
    const AnswerFacts& facts = open.reader.facts();
    // As over HTTP: what comes after the beginning of an answer does not change its status.
    open.end.status = facts.begun || !facts.complete ? 200 : facts.error_status;
    if (facts.complete) End(OutcomeNow());
  }

  // An error came in the middle of its answer. That may go on, and tell what it used; if not, the
  // beginning of the next one says that it is over, or the end of the connection.
  static bool Failing(const Open& open) {
    return !open.reader.facts().complete && !open.reader.facts().error.empty();
  }

  // Of the first call, which has had all that it will.
  Outcome OutcomeNow() const {
    const Open& open = open_.front();
    const Outcome outcome = OutcomeOf(open.end.status, open.reader.facts());
    return agent_gone_ && outcome != Outcome::kRejected ? Outcome::kClientGone : outcome;
  }

  // There will be no more events.
  void EndAll() {
    while (!open_.empty()) {
      const Outcome cut = agent_gone_ ? Outcome::kClientGone : Outcome::kBroken;
      End(Failing(open_.front()) ? OutcomeNow() : cut);
    }
  }

  // The books are written beside the connection, which goes on.
  void End(Outcome outcome) {
    Open& open = open_.front();
    AnswerFacts facts = open.reader.TakeFacts();
    open.end.duration = Since(open.sent_at);
    open.end.outcome = outcome;
    open.end.usage = facts.usage;
    open.end.response_id = facts.response_id;
    Said said = SaidBy(std::move(facts));
    said.prompt = std::move(open.judged.prompt);
    said.alias = std::move(open.judged.alias);
    bridge_.ends_.Spawn(
        bridge_.EndCall(std::move(open.ticket), std::move(open.end), std::move(said)));
    open_.pop_front();
  }

  // The provider's own code, where one may be sent.
  uint16_t CloseCode() const {
    if (barred_) return codec::ws_close::kPolicy;
    const uint16_t code = provider_->close_code();
    return code == codec::ws_close::kNone || code == codec::ws_close::kAbnormal
               ? codec::ws_close::kInternal
               : code;
  }

  static ProviderError Unreachable() {
    return {502, "cove_provider_unreachable", "The provider has closed the connection."};
  }

  Bridge& bridge_;
  InFlight& call_;
  const std::unique_ptr<Opened> opened_;
  const CallEnd about_;  // what is true of each call: from the handshake
  std::unique_ptr<http::WebSocket> agent_;
  std::unique_ptr<http::WebSocket> provider_;
  std::deque<Open> open_;  // calls that were sent and have not ended, in order
  std::optional<http::WebSocketMessage> passing_;  // on its way to the agent
  std::optional<http::WebSocketMessage> come_;     // from the agent, and not looked at yet
  size_t coming_ = 0;                              // of the message after that
  size_t judged_bytes_ = 0;                        // of the one before
  std::optional<BodyPace> pace_;                   // of the one that comes
  std::optional<ProviderError> unread_;            // why it is not read on
  bool giving_up_ = false;
  async::Event given_up_;
  async::Event turn_;  // come_ or left_ has changed
  async::Event left_;  // nothing more comes from the agent
  bool agent_gone_ = false;
  bool leftovers_ = false;  // until an answer begins, events may be of a call that was ended
  bool barred_ = false;     // the agent may ask for nothing more: answers under way still pass
  async::Event over_;
  async::TaskGroup group_;
};

// A connection while it is served.
class Bridge::Connected {
 public:
  Connected(Bridge& bridge, std::unique_ptr<Socket> socket)
      : bridge_(bridge), socket_(std::move(socket)) {}
  ~Connected() {
    if (socket_->Detach()) bridge_.ends_.Spawn(HearOut(std::move(socket_)));
  }
  Connected(const Connected&) = delete;
  Socket& socket() { return *socket_; }

 private:
  Bridge& bridge_;
  std::unique_ptr<Socket> socket_;
};

Task<void> Bridge::HearOut(std::unique_ptr<Socket> socket) { co_await socket->HearOut(); }

Task<void> Bridge::ServeSocket(InFlight& call) {
  if (!http::IsWebSocketUpgrade(call.head)) {
    co_await Refuse(
        call, ProviderError{400, "cove_bad_request", "The request is no WebSocket handshake."});
    co_return;
  }
  auto opened = std::make_unique<Opened>(sockets_, CallerOf(call.caller));
  if (!opened->may()) {
    co_await Refuse(call,
                    ProviderError{426, "cove_no_websocket",
                                  "Cove keeps " + std::to_string(deps_.limits.websockets_max) +
                                      " WebSockets open for one caller, and this one has as many. "
                                      "Ask over plain HTTP: POST with \"stream\": true."});
    co_return;
  }
  // Each side of the connection agrees for itself on what is asked for here.
  http::Headers fields;
  for (const auto& [name, value] : call.head.headers) {
    if (!http::IsWebSocketField(name)) fields.Add(name, value);
  }
  call.head.headers = std::move(fields);
  const auto offer = http::OfferWebSocket();
  std::unique_ptr<http::ClientResponse> response;
  CallEnd about;
  Result<std::unique_ptr<http::WebSocket>> provider =
      Error(Code::kUnavailable, "cassettes hold no WebSockets");
  if (offer && !upstream_.on_tape()) {
    Outgoing out = OutgoingOf(call);
    out.handshake = offer->fields;
    Sent sent = co_await upstream_.Send(std::move(out));
    if (sent.provider != call.provider) about.provider = sent.provider->name;
    about.key_hint = std::move(sent.key_hint);
    response = std::move(sent.response);
    provider = response == nullptr ? Error(Code::kUnavailable, std::move(sent.refusal.message))
                                   : http::OpenWebSocket(*response, *offer);
  }
  if (!provider) {
    log::Info("bridge.no_websocket",
              {{"provider", call.provider->name}, {"error", provider.error().message()}});
    // Agents go on over HTTP at once after a 426; there every other mistake has its own words.
    co_await Refuse(call, ProviderError{426, "cove_no_websocket",
                                        "The provider '" + call.provider->name +
                                            "' opened no WebSocket (" + provider.error().message() +
                                            "). Ask over plain HTTP: POST with \"stream\": true."});
    co_return;
  }
  call.seat = {};  // each message that asks for a response has its own
  auto agent =
      co_await http::AcceptWebSocket(call.exchange, "", HandshakeExtra(response->head().headers));
  if (!agent) co_return;
  about.request_id = ProviderRequestId(response->head().headers);
  Connected connected(*this,
                      std::make_unique<Socket>(*this, call, std::move(opened), *std::move(agent),
                                               *std::move(provider), std::move(about)));
  co_await connected.socket().Run();
}

}  // namespace cove::bridge
