// One request on one connection of the client: it sends the body while it waits for the head, so
// that neither side can block the other, and is the response afterwards. Thread: loop-confined.
#pragma once

#include "http/client_pool.h"
#include "http/wire.h"

namespace cove::http::internal {

class ClientExchange final : public ClientResponse {
 public:
  // `pool` outlives this; a whole connection goes back there under `origin`.
  ClientExchange(ClientPool* pool, std::string origin, net::StreamPtr stream,
                 const ClientLimits& limits);

  // Sends `request` and reads the head of its answer. A streamed body outlives this.
  Task<Result<void>> Start(std::shared_ptr<const ClientRequest> request);
  // Whether a byte of the answer has come.
  bool answer_started() const { return answer_started_; }

  const ResponseHead& head() const override { return head_; }
  BodyReader& body() override { return body_reader_; }
  net::StreamPtr TakeStream() override;

 private:
  // Gives the connection back when it is at the body's end.
  class Body final : public BodyReader {
   public:
    explicit Body(ClientExchange* exchange) : exchange_(exchange) {}
    Task<Result<size_t>> Read(std::span<char> buffer) override;
    std::optional<uint64_t> length() const override;

   private:
    ClientExchange* exchange_;
  };

  Result<std::string> ComposeHead() const;
  Task<void> Upload(std::string head);
  Task<Result<void>> UploadStream(BodyReader* source);
  Task<Result<void>> ReadHead();
  Result<bool> TakeInput();
  void TakeAnswer();
  void Release();

  ClientPool* pool_;
  std::string origin_;
  net::StreamPtr stream_;
  Input input_;
  codec::Http1HeadParser parser_;
  std::shared_ptr<const ClientRequest> request_;
  ResponseHead head_;
  std::optional<WireBody> wire_body_;
  Body body_reader_{this};
  bool answer_started_ = false;
  bool reusable_ = false;
  bool switched_ = false;
  int interim_answers_ = 0;
  std::optional<Result<void>> uploaded_;  // once the upload has ended
  async::TaskGroup upload_;
};

}  // namespace cove::http::internal
