#include "api/preview_page.h"

namespace cove::api {
namespace {

std::string Page(int status, std::string_view message) {
  const std::string title = std::to_string(status) + " " + std::string(http::ReasonPhrase(status));
  std::string out =
      "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width\">\n<title>";
  out += EscapeHtml(title);
  out +=
      "</title>\n<style>body{font:16px/1.5 system-ui,sans-serif;max-width:40rem;margin:20vh auto;"
      "padding:0 1rem;color:#222}h1{font-size:1.2rem}p{color:#555}</style>\n<h1>";
  out += EscapeHtml(title);
  out += "</h1>\n<p>";
  out += EscapeHtml(message);
  out += "</p>\n</html>\n";
  return out;
}

}  // namespace

std::string EscapeHtml(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

Task<void> SendPreviewError(http::Exchange& exchange, Fault fault, std::string message) {
  if (exchange.answered()) co_return;
  const auto accept = exchange.request().headers.Get("Accept").value_or("");
  if (accept.find("text/html") == std::string_view::npos) {
    (void)co_await SendFault(exchange, fault, std::move(message));
    co_return;
  }
  http::ResponseHead head;
  head.status = fault.status;
  head.headers.Add("Content-Type", "text/html; charset=utf-8");
  head.headers.Add("Cache-Control", "no-store");
  head.headers.Add("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
  (void)co_await exchange.Respond(std::move(head), Page(fault.status, message));
}

}  // namespace cove::api
