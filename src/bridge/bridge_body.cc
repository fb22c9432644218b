// The body of a request is read: within the room there is for it, and not for as long as its sender
// likes.
#include "async/deadline.h"
#include "bridge/body_pace.h"
#include "bridge/bridge_call.h"
#include "http/content_coding.h"

namespace cove::bridge {
namespace {

constexpr size_t kStep = size_t{16} * 1024;
constexpr size_t kStepMax = 16 * kStep;
constexpr seconds kSoon{2};

ProviderError Unread(const Error& error) {
  return {error.code() == Code::kTooLarge ? 413 : 400, "cove_bad_request",
          "The request's body could not be read: " + error.message()};
}

ProviderError TooLarge(size_t limit) {
  return {413, "cove_request_too_large",
          "The request is larger than " + std::to_string(limit) + " bytes."};
}

}  // namespace

ProviderError TooSlow(const Limits& limits) {
  const auto time = std::chrono::duration_cast<seconds>(limits.body_step_time).count();
  return {408, "cove_request_too_slow",
          "The request came too slowly: the model gateway waits " + std::to_string(time) +
              " s for each " + std::to_string(limits.body_step_bytes) + " bytes of it."};
}

std::optional<ProviderError> NoRoom(HeldBytes::Room room) {
  if (room == HeldBytes::Room::kYes) return std::nullopt;
  ProviderError out{503, "cove_at_capacity",
                    "The model gateway holds too many requests at once; try again shortly.", kSoon};
  if (room == HeldBytes::Room::kNotForCaller) {
    out.status = 429;
    out.message =
        "The model gateway holds as much of one caller's requests as it may; try again shortly.";
  }
  return out;
}

Task<std::optional<ProviderError>> Bridge::ReadSent(InFlight& call, std::string& out) {
  const Limits& limits = deps_.limits;
  http::BodyReader& body = call.exchange.body();
  const size_t limit = limits.request_bytes_max;
  const uint64_t announced = body.length().value_or(0);
  if (announced > limit) co_return TooLarge(limit);
  size_t have = 0;
  BodyPace pace(limits.body_step_bytes, limits.body_step_time);
  for (;;) {
    // Not far beyond what is announced: most requests are small, and kept for as long as they are
    // answered. One byte more, so that the read that finds the end needs no growth.
    const size_t left = announced >= have ? static_cast<size_t>(announced) - have : 0;
    out.resize(have + (announced == 0 ? kStep : std::min(left, kStepMax) + 1));
    const auto n = co_await async::WithDeadline(body.Read(std::span(out).subspan(have)),
                                                pace.until(), "the body");
    if (!n) co_return n.error().code() == Code::kTimeout ? TooSlow(limits) : Unread(n.error());
    if (*n == 0) break;
    have += *n;
    if (have > limit) co_return TooLarge(limit);
    if (auto none = NoRoom(call.held.Set(have))) co_return none;
    pace.Has(have);
  }
  out.resize(have);
  co_return std::nullopt;
}

Task<std::optional<ProviderError>> Bridge::ReadBody(InFlight& call, Body& out) {
  call.held.Join(held_, CallerOf(call.caller));
  if (auto refused = co_await ReadSent(call, out.sent)) co_return refused;
  const http::Coding coding = http::CodingOf(call.head.headers);
  if (coding == http::Coding::kOther) {
    co_return ProviderError{
        415, "cove_coding",
        "The model gateway reads request bodies that are plain, gzip or zstd; send this one as "
        "one of these."};
  }
  if (coding == http::Coding::kNone) co_return std::nullopt;
  auto plain = http::DecodeAll(coding, out.sent, deps_.limits.request_bytes_max);
  if (!plain) co_return Unread(plain.error());
  out.decoded = *std::move(plain);
  co_return NoRoom(call.held.Set(out.sent.size() + out.decoded->size()));
}

}  // namespace cove::bridge
