// The request that is sent on in place of the one that came from the sandbox, with the secrets that
// it is given; and the answer on its way back. Shared by every version of HTTP.
// Thread: loop-confined.
#pragma once

#include "gateway/credentials.h"
#include "gateway/decoded_body.h"
#include "gateway/http_request.h"
#include "gateway/replaced_body.h"
#include "http/client.h"
#include "http/server.h"

namespace cove::gateway {

// The fields with secrets replaced in their values.
http::Headers Hide(const http::Headers& in, const std::vector<Replacement>& hidden);

class Outgoing {
 public:
  // `url` is where it goes, its target that of the request as it was judged.
  Outgoing(const http::RequestHead& in, http::Url url, CredentialUse secrets);
  Outgoing(const Outgoing&) = delete;

  // Names of the secrets that are in it, for the audit: those of its head, and those that its body
  // has asked for so far.
  std::vector<std::string> secrets() const;
  // The request, whose body is read from `body` (which outlives the exchange). Called once. An
  // error is the body's, or kTooLarge: secrets would make it too long.
  http::Task<Result<http::ClientRequest>> Take(http::BodyReader& body);

  // The head of the answer as the sandbox gets it, and what it reads the body from: `body`, or one
  // that belongs to this and hides secrets. kDenied: it may hold one and cannot be read.
  struct Answer {
    http::ResponseHead head;
    http::BodyReader* body = nullptr;
  };
  http::Task<Result<Answer>> TakeAnswer(http::ClientResponse& response);
  // The fields after the body, once it is read to its end.
  http::Headers AnswerTrailers(http::ClientResponse& response) const;
  // The spellings of secrets that are in the request, and what the sandbox is shown for them.
  std::vector<Replacement> Hidden() const { return use_.InAnswer(); }
  // Of a request for a WebSocket: the key that the server gets. It is not the sandbox's, which
  // could have the answer to its own one ready where it decides what a server says.
  const std::string& websocket_key() const { return websocket_key_; }

 private:
  http::ClientRequest request_;
  CredentialUse use_;
  std::vector<std::string> names_;
  std::string websocket_key_;
  std::optional<Error> wrong_;
  std::vector<Replacement> in_body_;
  bool has_body_ = false;
  bool is_head_ = false;
  std::optional<ReplacedBody> body_;
  std::optional<DecodedBody> decoded_;
  std::optional<ReplacedBody> answer_body_;
};

}  // namespace cove::gateway
