#include "gateway/outgoing.h"

#include "gateway/name_list.h"
#include "http/websocket.h"

namespace cove::gateway {

http::Headers Hide(const http::Headers& in, const std::vector<Replacement>& hidden) {
  http::Headers out;
  for (const auto& [name, value] : in) out.Add(name, TextReplacer::All(value, hidden));
  return out;
}

Outgoing::Outgoing(const http::RequestHead& in, http::Url url, CredentialUse secrets)
    : use_(std::move(secrets)) {
  request_.method = in.method;
  is_head_ = in.method == "HEAD";
  request_.url = std::move(url);
  request_.headers = RequestHeadersToSend(in.headers);
  if (!use_.empty()) {
    auto names = use_.PutInto(request_.headers, request_.url.target);
    if (names) {
      names_ = *std::move(names);
    } else {
      wrong_ = std::move(names).error();
    }
    // A stream of frames is searched for what was put in, which compression would hide.
    if (http::IsWebSocketUpgrade(in)) request_.headers.Remove("sec-websocket-extensions");
    in_body_ = use_.InBody(request_.headers);
  }
  if (http::IsWebSocketUpgrade(in)) {
    if (auto offer = http::OfferWebSocket()) {
      for (const auto& [name, value] : offer->fields) request_.headers.Set(name, value);
      websocket_key_ = std::move(offer->key);
    } else {
      wrong_ = std::move(offer).error();
    }
  }
  request_.accepts_trailers = in.headers.HasToken("te", "trailers");
  has_body_ = in.headers.Has("content-length") || in.headers.Has("transfer-encoding");
}

std::vector<std::string> Outgoing::secrets() const {
  std::vector<std::string> out = names_;
  if (!body_) return out;
  for (const std::string& name : body_->found()) AddOnce(out, name);
  return out;
}

http::Task<Result<http::ClientRequest>> Outgoing::Take(http::BodyReader& body) {
  if (wrong_) co_return *wrong_;
  // HTTP/2 has bodies without either field.
  has_body_ = has_body_ || body.length() != 0;
  if (has_body_ && !in_body_.empty()) {
    body_.emplace(body, std::move(in_body_), CredentialUse::kGrowthMax);
    CO_RETURN_IF_ERROR(co_await body_->Prepare());
    request_.stream = &*body_;
  } else if (has_body_) {
    request_.stream = &body;
  }
  co_return std::move(request_);
}

http::Task<Result<Outgoing::Answer>> Outgoing::TakeAnswer(http::ClientResponse& response) {
  Answer out;
  out.head.status = response.head().status;
  out.head.headers = ResponseHeadersToSend(response.head().headers);
  out.body = &response.body();
  const std::vector<Replacement> hidden = use_.InAnswer();
  if (hidden.empty()) co_return out;
  out.head.headers = Hide(out.head.headers, hidden);
  const int status = out.head.status;
  if (is_head_ || status == 204 || status == 304) co_return out;
  // It was asked for all, and in no coding: what cannot be read cannot be searched.
  constexpr int kPart = 206;
  if (status == kPart) {
    co_return Error(Code::kDenied, "the answer is a part, which may begin or end within a secret");
  }
  const http::Coding coding = http::CodingOf(out.head.headers);
  if (coding == http::Coding::kOther) {
    co_return Error(Code::kDenied, "the answer is compressed in a way that cannot be read here");
  }
  if (coding != http::Coding::kNone) {
    decoded_.emplace(response.body(), http::MakeDecoder(coding));
    out.body = &*decoded_;
    out.head.headers.Remove("content-encoding");
  }
  answer_body_.emplace(*out.body, hidden);
  CO_RETURN_IF_ERROR(co_await answer_body_->Prepare());
  out.body = &*answer_body_;
  const auto length = answer_body_->length();
  if (!length) {
    out.head.headers.Remove("content-length");
  } else if (out.head.headers.Has("content-length")) {
    out.head.headers.Set("Content-Length", std::to_string(*length));
  }
  co_return out;
}

http::Headers Outgoing::AnswerTrailers(http::ClientResponse& response) const {
  const http::Headers* trailers = response.body().trailers();
  if (trailers == nullptr) return {};
  return Hide(TrailersToSend(*trailers), use_.InAnswer());
}

}  // namespace cove::gateway
