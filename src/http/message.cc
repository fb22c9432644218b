#include "http/message.h"

#include <algorithm>

#include "base/text.h"

namespace cove::http {

void Headers::Set(std::string_view name, std::string value) {
  std::string kept(name);
  Remove(name);
  fields_.emplace_back(std::move(kept), std::move(value));
}

void Headers::Remove(std::string_view name) {
  std::erase_if(fields_, [&](const Field& f) { return EqualsIgnoreCase(f.first, name); });
}

bool Headers::AppendTo(std::string_view name, std::string_view separator, std::string_view more) {
  for (auto& [own, value] : fields_) {
    if (!EqualsIgnoreCase(own, name)) continue;
    value.append(separator).append(more);
    return true;
  }
  return false;
}

std::optional<std::string_view> Headers::Get(std::string_view name) const {
  for (const Field& field : fields_) {
    if (EqualsIgnoreCase(field.first, name)) return field.second;
  }
  return std::nullopt;
}

bool Headers::HasToken(std::string_view name, std::string_view token) const {
  for (const Field& field : fields_) {
    if (!EqualsIgnoreCase(field.first, name)) continue;
    std::string_view list = field.second;
    for (;;) {
      const size_t comma = list.find(',');
      if (EqualsIgnoreCase(Trim(list.substr(0, comma)), token)) return true;
      if (comma == list.npos) break;
      list.remove_prefix(comma + 1);
    }
  }
  return false;
}

std::string_view RequestHead::RawPath() const {
  std::string_view text = target;
  // The absolute form, which a proxy's client sends: the path starts after the authority.
  if (const size_t scheme = text.find("://"); !text.starts_with('/') && scheme != text.npos) {
    const size_t path = text.find_first_of("/?", scheme + 3);
    if (path == text.npos || text[path] == '?') return "/";
    text.remove_prefix(path);
  }
  return text.substr(0, text.find('?'));
}

std::string_view RequestHead::RawQuery() const {
  const size_t mark = target.find('?');
  return mark == target.npos ? std::string_view() : std::string_view(target).substr(mark + 1);
}

std::optional<std::string> RequestHead::Query(std::string_view name) const {
  auto all = QueryAll(name);
  if (all.empty()) return std::nullopt;
  return std::move(all.front());
}

std::vector<std::string> RequestHead::QueryAll(std::string_view name) const {
  std::vector<std::string> out;
  for (const std::string_view pair : Split(RawQuery(), '&')) {
    const size_t equals = pair.find('=');
    const auto key = PercentDecode(pair.substr(0, equals), true);
    if (!key || *key != name || pair.empty()) continue;
    const std::string_view raw = equals == pair.npos ? "" : pair.substr(equals + 1);
    if (auto value = PercentDecode(raw, true)) out.push_back(std::move(*value));
  }
  return out;
}

std::string RequestHead::Host() const {
  std::string_view host = headers.Get("Host").value_or("");
  // RFC 9112 section 3.2.2: the authority of an absolute target counts, not the Host field.
  if (const size_t scheme = target.find("://"); !target.starts_with('/') && scheme != target.npos) {
    host = std::string_view(target).substr(scheme + 3);
    host = host.substr(0, host.find_first_of("/?"));
    if (const size_t user = host.rfind('@'); user != host.npos) host.remove_prefix(user + 1);
  }
  if (host.starts_with('[')) {
    const size_t end = host.find(']');
    return end == host.npos ? std::string() : ToLower(host.substr(1, end - 1));
  }
  return ToLower(host.substr(0, host.find(':')));
}

std::string_view ReasonPhrase(int status) {
  switch (status) {
    case 100:
      return "Continue";
    case 101:
      return "Switching Protocols";
    case 200:
      return "OK";
    case 201:
      return "Created";
    case 202:
      return "Accepted";
    case 204:
      return "No Content";
    case 206:
      return "Partial Content";
    case 301:
      return "Moved Permanently";
    case 302:
      return "Found";
    case 303:
      return "See Other";
    case 304:
      return "Not Modified";
    case 307:
      return "Temporary Redirect";
    case 308:
      return "Permanent Redirect";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 402:
      return "Payment Required";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 410:
      return "Gone";
    case 411:
      return "Length Required";
    case 412:
      return "Precondition Failed";
    case 413:
      return "Content Too Large";
    case 414:
      return "URI Too Long";
    case 415:
      return "Unsupported Media Type";
    case 416:
      return "Range Not Satisfiable";
    case 417:
      return "Expectation Failed";
    case 421:
      return "Misdirected Request";
    case 422:
      return "Unprocessable Content";
    case 426:
      return "Upgrade Required";
    case 428:
      return "Precondition Required";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 502:
      return "Bad Gateway";
    case 503:
      return "Service Unavailable";
    case 504:
      return "Gateway Timeout";
    case 505:
      return "HTTP Version Not Supported";
    case 507:
      return "Insufficient Storage";
    default:
      return "Status";
  }
}

Task<Result<std::string>> ReadAll(BodyReader& body, size_t max_bytes) {
  constexpr size_t kStep = 16 * 1024;
  std::string out;
  if (const auto length = body.length()) {
    if (*length > max_bytes) {
      co_return Error(Code::kTooLarge, "the body has " + std::to_string(*length) +
                                           " bytes, the limit is " + std::to_string(max_bytes));
    }
    // One byte more than announced, so that the read that finds the end needs no growth.
    out.reserve(std::min<size_t>(static_cast<size_t>(*length), 1024 * 1024) + 1);
  }
  size_t have = 0;
  for (;;) {
    out.resize(std::max(have + kStep, std::min(out.capacity(), have + 16 * kStep)));
    CO_ASSIGN_OR_RETURN(const size_t n, co_await body.Read(std::span(out).subspan(have)));
    have += n;
    if (have > max_bytes) {
      co_return Error(Code::kTooLarge,
                      "the body is over the limit of " + std::to_string(max_bytes) + " bytes");
    }
    if (n == 0) break;
  }
  out.resize(have);
  co_return std::move(out);
}

}  // namespace cove::http
