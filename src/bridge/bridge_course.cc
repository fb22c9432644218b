// A call from its admission to the completion of its row.
#include "async/deadline.h"
#include "bridge/bridge_call.h"
#include "log/log.h"

namespace cove::bridge {

// Once it was admitted a call is ended by the bridge, beside its connection: the next request need
// not wait for the row, and a connection that is taken down loses nothing of the books.
class Bridge::Course {
 public:
  // Of `judged` what its row is not about any more is taken: streams are many and live long.
  Course(Bridge& bridge, const Provider* asked, Ticket ticket, Judged& judged) : bridge_(bridge) {
    state_.ticket.emplace(std::move(ticket));
    state_.asked = asked;
    state_.prompt = std::move(judged.prompt);
    state_.alias = std::move(judged.alias);
    state_.hide_usage = judged.usage_added;
    state_.end.outcome = Outcome::kAbandoned;  // until it is sent
  }
  ~Course() { bridge_.ends_.Spawn(End(&bridge_, std::move(state_))); }
  Course(const Course&) = delete;

  void OnSent(Sent& sent, RelayOptions options) {
    CallEnd& end = state_.end;
    if (sent.provider != nullptr && sent.provider != state_.asked) {
      end.provider = sent.provider->name;
    }
    end.key_hint = std::move(sent.key_hint);
    if (sent.response == nullptr) {
      end.outcome = sent.nothing_done ? Outcome::kUnreachable : Outcome::kBroken;
      end.status = sent.last_status;
      if (end.status != 0) end.outcome = Outcome::kClientGone;
      return;
    }
    if (state_.hide_usage) options.usage_chunk = RelayOptions::UsageChunk::kHide;
    state_.relay = std::make_unique<Relay>(std::move(sent.response), options);
  }
  // REQUIRES: OnSent() with a response.
  Task<void> Pass(http::Exchange& exchange) {
    co_await state_.relay->Pass(exchange);
    state_.passed = true;
  }

 private:
  struct State {
    std::optional<Ticket> ticket;
    const Provider* asked = nullptr;
    std::string prompt;
    std::string alias;
    bool hide_usage = false;
    TimePoint sent_at = Now();
    CallEnd end;  // but for what the relay knows
    std::unique_ptr<Relay> relay;
    bool passed = false;  // as much as could be
  };
  static Task<void> End(Bridge* bridge, State state);

  Bridge& bridge_;
  State state_;
};

Task<void> Bridge::Course::End(Bridge* bridge, State state) {
  CallEnd end = std::move(state.end);
  Said said;
  if (state.relay != nullptr) {
    if (!state.passed) co_await state.relay->Drain();
    Relayed relayed = state.relay->Take();
    state.relay.reset();
    if (!relayed.cut_by.empty()) {
      const std::string& provider = end.provider.empty() ? state.asked->name : end.provider;
      log::Warn("bridge.answer_cut", {{"provider", provider}, {"error", relayed.cut_by}});
    }
    relayed.end.provider = std::move(end.provider);
    relayed.end.key_hint = std::move(end.key_hint);
    end = std::move(relayed.end);
    said = SaidBy(std::move(relayed.facts));
  }
  said.prompt = std::move(state.prompt);
  said.alias = std::move(state.alias);
  end.duration = Since(state.sent_at);
  co_await bridge->EndCall(std::move(*state.ticket), std::move(end), std::move(said));
}

RelayOptions Bridge::OptionsOf(const InFlight& call) const {
  RelayOptions out;
  out.api = call.route.api;
  out.drain_time = deps_.limits.drain_time;
  if (upstream_.on_tape()) out.rest = RelayOptions::Rest::kToEnd;
  out.sent_at = call.sent_at;
  return out;
}

Task<void> Bridge::ServeRecorded(InFlight& call, std::string body, Judged judged) {
  call.model = judged.start.model;
  auto admitted =
      co_await deps_.books->Admit(std::move(judged.start), std::move(call.seat),
                                  [&exchange = call.exchange] { return exchange.PeerClosed(); });
  if (auto* refused = std::get_if<ProviderError>(&admitted)) {
    co_await Refuse(call, std::move(*refused));
    co_return;
  }
  Course course(*this, call.provider, std::move(std::get<Ticket>(admitted)), judged);
  Sent sent = co_await SendUpstream(call, std::move(body));
  const bool answered = sent.response != nullptr;
  course.OnSent(sent, OptionsOf(call));
  if (answered) {
    co_await course.Pass(call.exchange);
  } else {
    co_await Refuse(call, std::move(sent.refusal));
  }
}

Task<void> Bridge::EndCall(Ticket ticket, CallEnd end, Said said) {
  auto finished = co_await deps_.books->Finish(std::move(ticket), std::move(end), std::move(said));
  if (!finished) log::Error("bridge.row_not_ended", {{"error", finished.error().message()}});
}

Task<void> Bridge::Flush(TimePoint deadline) {
  struct Ends {
    static Task<Result<void>> Join(async::TaskGroup& group) {
      co_await group.Join();
      co_return Ok();
    }
  };
  auto joined = co_await async::WithDeadline(Ends::Join(ends_), deadline, "ending model calls");
  if (!joined) log::Warn("bridge.calls_left", {{"calls", ends_.size()}});
}

}  // namespace cove::bridge
