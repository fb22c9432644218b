// The opening handshake, both sides: RFC 6455 section 4.
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/text.h"
#include "http/websocket.h"

namespace cove::http {
namespace {

constexpr size_t kKeyText = 24;  // 16 bytes in base64

std::string Base64(std::span<const unsigned char> bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<size_t>(size));
  return out;
}

}  // namespace

std::string AcceptKey(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), digest, &size, EVP_sha1(), nullptr);
  return Base64({digest, size});
}

bool IsWebSocketField(std::string_view name) { return ToLower(name).starts_with("sec-websocket-"); }

bool IsWebSocketUpgrade(const RequestHead& request) {
  const Headers& h = request.headers;
  return request.method == "GET" && h.HasToken("Connection", "upgrade") &&
         h.HasToken("Upgrade", "websocket") && h.Get("Sec-WebSocket-Version") == "13" &&
         h.Get("Sec-WebSocket-Key").value_or("").size() == kKeyText;
}

bool AnswersWebSocket(std::string_view key, const Headers& answer) {
  return answer.HasToken("Upgrade", "websocket") &&
         answer.Get("Sec-WebSocket-Accept") == AcceptKey(key);
}

std::string SelectSubprotocol(const RequestHead& request,
                              std::span<const std::string_view> supported) {
  for (const auto& [name, value] : request.headers) {
    if (!EqualsIgnoreCase(name, "Sec-WebSocket-Protocol")) continue;
    for (const std::string_view part : Split(value, ',')) {
      for (const std::string_view candidate : supported) {
        if (Trim(part) == candidate) return std::string(candidate);
      }
    }
  }
  return {};
}

Task<Result<std::unique_ptr<WebSocket>>> AcceptWebSocket(Exchange& exchange,
                                                         std::string subprotocol, Headers extra) {
  if (!IsWebSocketUpgrade(exchange.request())) {
    co_return Error(Code::kInvalid, "the request does not ask for a WebSocket of version 13");
  }
  ResponseHead head;
  head.status = 101;
  head.headers = std::move(extra);
  head.headers.Add("Upgrade", "websocket");
  head.headers.Add("Sec-WebSocket-Accept",
                   AcceptKey(*exchange.request().headers.Get("Sec-WebSocket-Key")));
  if (!subprotocol.empty()) head.headers.Add("Sec-WebSocket-Protocol", std::move(subprotocol));
  CO_ASSIGN_OR_RETURN(auto stream, co_await exchange.TakeOver(std::move(head)));
  co_return std::make_unique<WebSocket>(std::move(stream), WebSocket::Role::kServer);
}

Result<WebSocketOffer> OfferWebSocket() {
  unsigned char nonce[16];
  if (RAND_bytes(nonce, sizeof nonce) != 1) {
    return Error(Code::kInternal, "no randomness for a WebSocket key");
  }
  WebSocketOffer out;
  out.key = Base64(nonce);
  out.fields = {{"Connection", "Upgrade"},
                {"Upgrade", "websocket"},
                {"Sec-WebSocket-Version", "13"},
                {"Sec-WebSocket-Key", out.key}};
  return out;
}

Result<std::unique_ptr<WebSocket>> OpenWebSocket(ClientResponse& response,
                                                 const WebSocketOffer& offer) {
  const ResponseHead& head = response.head();
  if (head.status != 101) {
    return Error(Code::kUnavailable, "the server answered " + std::to_string(head.status) +
                                         " instead of opening a WebSocket");
  }
  if (!AnswersWebSocket(offer.key, head.headers)) {
    return Error(Code::kUnavailable, "the server's WebSocket handshake is wrong");
  }
  auto stream = response.TakeStream();
  if (stream == nullptr) return Error(Code::kInternal, "the connection is not there");
  return std::make_unique<WebSocket>(std::move(stream), WebSocket::Role::kClient);
}

Task<Result<std::unique_ptr<WebSocket>>> ConnectWebSocket(Client& client, ClientRequest request,
                                                          std::string subprotocols) {
  CO_ASSIGN_OR_RETURN(const WebSocketOffer offer, OfferWebSocket());
  request.method = "GET";
  for (const auto& [name, value] : offer.fields) request.headers.Set(name, value);
  if (!subprotocols.empty()) {
    request.headers.Set("Sec-WebSocket-Protocol", std::move(subprotocols));
  }
  CO_ASSIGN_OR_RETURN(auto response, co_await client.Send(std::move(request)));
  co_return OpenWebSocket(*response, offer);
}

}  // namespace cove::http
