#include "codec/http1.h"

#include <array>
#include <cstring>
#include <optional>

#include "base/text.h"

namespace cove::codec {
namespace {

constexpr size_t kBufferKept = 8 * 1024;  // a reset parser gives back a larger buffer

enum : uint8_t { kTokenChar = 1, kValueChar = 2, kTargetChar = 4, kHostChar = 8 };

constexpr std::array<uint8_t, 256> MakeTable() {
  std::array<uint8_t, 256> table{};
  constexpr std::string_view kTokenSymbols = "!#$%&'*+-.^_`|~";
  constexpr std::string_view kHostSymbols = "!$%&'()*+,-.;=_~:[]";
  for (unsigned c = 1; c < 256; ++c) {
    const bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool visible = c > 0x20 && c < 0x7f;
    const char ch = static_cast<char>(c);
    if (alnum || kTokenSymbols.find(ch) != kTokenSymbols.npos) table[c] |= kTokenChar;
    if (visible || c == ' ' || c == '\t' || c >= 0x80) table[c] |= kValueChar;
    if (visible && c != '#') table[c] |= kTargetChar;
    if (alnum || kHostSymbols.find(ch) != kHostSymbols.npos) table[c] |= kHostChar;
  }
  return table;
}
constexpr std::array<uint8_t, 256> kTable = MakeTable();

bool All(std::string_view text, uint8_t kind) {
  for (const char c : text) {
    if ((kTable[static_cast<unsigned char>(c)] & kind) == 0) return false;
  }
  return true;
}

Error Bad(std::string_view what) { return {Code::kInvalid, "HTTP: " + std::string(what)}; }

std::string_view TrimBlanks(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  return text;
}

// "HTTP/1.0" gives 0, "HTTP/1.1" gives 1, anything else nothing.
std::optional<int> MinorVersion(std::string_view text) {
  if (text == "HTTP/1.1") return 1;
  if (text == "HTTP/1.0") return 0;
  return std::nullopt;
}

// RFC 9112 section 3.2: which of the four forms goes with which method.
bool TargetFitsMethod(std::string_view method, std::string_view target) {
  if (method == "CONNECT") {
    const size_t colon = target.rfind(':');
    return colon != target.npos && colon != 0 && All(target, kHostChar) &&
           ParseInt<uint16_t>(target.substr(colon + 1)).value_or(0) != 0;
  }
  if (target == "*") return method == "OPTIONS";
  if (target.starts_with('/')) return true;
  const size_t scheme = target.find("://");
  return scheme != target.npos && scheme != 0 && target.find_first_of("/?") > scheme;
}

bool HasToken(std::string_view list, std::string_view token) {
  for (;;) {
    const size_t comma = list.find(',');
    if (EqualsIgnoreCase(TrimBlanks(list.substr(0, comma)), token)) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

// What the fields that frame the message have said so far.
struct Framing {
  Http1Head& head;
  bool is_request;
  int hosts = 0;
  int codings = 0;
  bool close = false;
  bool keep = false;

  Result<void> Take(const Http1Field& field);
  Result<void> TakeLength(std::string_view value);
  Result<void> Finish();
};

Result<void> Framing::TakeLength(std::string_view value) {
  bool digits = !value.empty();
  for (const char c : value) digits = digits && c >= '0' && c <= '9';
  const auto length = digits ? ParseInt<uint64_t>(value) : std::nullopt;
  if (!length || *length > INT64_MAX) return Bad("Content-Length is not a number of bytes");
  if (head.has_length && head.length != *length) return Bad("two different Content-Length fields");
  head.has_length = true;
  head.length = *length;
  return Ok();
}

Result<void> Framing::Take(const Http1Field& field) {
  if (EqualsIgnoreCase(field.name, "content-length")) return TakeLength(field.value);
  if (EqualsIgnoreCase(field.name, "transfer-encoding")) {
    if (++codings > 1 || !EqualsIgnoreCase(field.value, "chunked")) {
      return Bad("only the transfer coding \"chunked\" is understood");
    }
    head.chunked = true;
  } else if (EqualsIgnoreCase(field.name, "host")) {
    if (++hosts > 1) return Bad("more than one Host field");
    if (!All(field.value, kHostChar)) return Bad("the Host field is not a host");
  } else if (EqualsIgnoreCase(field.name, "connection")) {
    close = close || HasToken(field.value, "close");
    keep = keep || HasToken(field.value, "keep-alive");
  } else if (is_request && EqualsIgnoreCase(field.name, "expect")) {
    if (EqualsIgnoreCase(field.value, "100-continue")) head.expect_continue = true;
  }
  return Ok();
}

Result<void> Framing::Finish() {
  if (head.chunked && head.has_length) return Bad("both Content-Length and Transfer-Encoding");
  if (head.chunked && head.minor_version == 0) return Bad("Transfer-Encoding in HTTP/1.0");
  if (is_request && head.minor_version == 1 && hosts == 0) return Bad("the Host field is missing");
  head.keep_alive = !close && (head.minor_version == 1 || keep);
  if (head.minor_version == 0) head.expect_continue = false;
  return Ok();
}

}  // namespace

bool IsHttpToken(std::string_view text) { return !text.empty() && All(text, kTokenChar); }
bool IsHttpTarget(std::string_view text) { return !text.empty() && All(text, kTargetChar); }
bool IsHttpFieldValue(std::string_view text) { return All(text, kValueChar); }

Result<bool> Http1HeadParser::Next(std::string_view* in) {
  while (!in->empty()) {
    const void* lf = std::memchr(in->data(), '\n', in->size());
    const size_t take = lf == nullptr
                            ? in->size()
                            : static_cast<size_t>(static_cast<const char*>(lf) - in->data()) + 1;
    if (buffer_.size() + take > limits_.head_bytes_max) {
      return Error(Code::kTooLarge,
                   "HTTP: the head is over " + std::to_string(limits_.head_bytes_max) + " bytes");
    }
    buffer_.append(in->substr(0, take));
    in->remove_prefix(take);
    if (lf == nullptr) return false;
    std::string_view line = std::string_view(buffer_).substr(line_start_);
    if (!line.ends_with("\r\n")) return Bad("a line ends without CR");
    line.remove_suffix(2);
    const size_t offset = line_start_;
    line_start_ = buffer_.size();
    if (line.empty() && have_start_line_) {
      RETURN_IF_ERROR(Complete());
      return true;
    }
    RETURN_IF_ERROR(TakeLine(line, offset));
  }
  return false;
}

Result<void> Http1HeadParser::TakeLine(std::string_view line, size_t offset) {
  if (have_start_line_) return TakeField(line, offset);
  if (line.empty()) {
    // RFC 9112 section 2.2: an empty line before a request is skipped, but not a flood of them.
    if (kind_ == Kind::kResponse || buffer_.size() > 4) return Bad("an empty line before the head");
    return Ok();
  }
  have_start_line_ = true;
  return kind_ == Kind::kRequest ? TakeRequestLine(line, offset) : TakeStatusLine(line);
}

Result<void> Http1HeadParser::TakeRequestLine(std::string_view line, size_t offset) {
  const size_t first = line.find(' ');
  const size_t second = first == line.npos ? line.npos : line.find(' ', first + 1);
  if (second == line.npos) return Bad("the request line needs a method, a target and a version");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const auto minor = MinorVersion(line.substr(second + 1));
  if (!IsHttpToken(method)) return Bad("the method is not a token");
  if (!minor) return Bad("the version is not HTTP/1.0 or HTTP/1.1");
  if (!IsHttpTarget(target) || !TargetFitsMethod(method, target)) {
    return Bad("the request target is malformed");
  }
  method_ = {offset, method.size()};
  target_ = {offset + first + 1, target.size()};
  head_.minor_version = *minor;
  return Ok();
}

Result<void> Http1HeadParser::TakeStatusLine(std::string_view line) {
  const auto minor = MinorVersion(line.substr(0, 8));
  if (!minor || line.size() < 12 || line[8] != ' ') return Bad("the status line is malformed");
  const auto status = ParseInt<uint16_t>(line.substr(9, 3));
  const std::string_view reason = line.substr(12);
  if (!status || *status < 100 || (!reason.empty() && reason.front() != ' ')) {
    return Bad("the status is not a number of three digits");
  }
  if (!All(reason, kValueChar)) return Bad("the reason phrase holds control characters");
  head_.status = *status;
  head_.minor_version = *minor;
  return Ok();
}

Result<void> Http1HeadParser::TakeField(std::string_view line, size_t offset) {
  if (line.front() == ' ' || line.front() == '\t') return Bad("a folded header line");
  if (spans_.size() >= limits_.fields_max) {
    return Error(Code::kTooLarge,
                 "HTTP: more than " + std::to_string(limits_.fields_max) + " header fields");
  }
  const size_t colon = line.find(':');
  if (colon == line.npos) return Bad("a header line without a colon");
  if (!IsHttpToken(line.substr(0, colon))) return Bad("a header name is not a token");
  const std::string_view raw = line.substr(colon + 1);
  if (!All(raw, kValueChar)) return Bad("a header value holds control characters");
  const std::string_view value = TrimBlanks(raw);
  const size_t value_at = static_cast<size_t>(value.data() - line.data());
  spans_.push_back({{offset, colon}, {offset + value_at, value.size()}});
  return Ok();
}

Result<void> Http1HeadParser::Complete() {
  head_.method = View(method_);
  head_.target = View(target_);
  Framing framing{head_, kind_ == Kind::kRequest};
  head_.fields.reserve(spans_.size());
  for (const FieldSpan& span : spans_) {
    head_.fields.push_back({View(span.name), View(span.value)});
    RETURN_IF_ERROR(framing.Take(head_.fields.back()));
  }
  return framing.Finish();
}

void Http1HeadParser::Reset() {
  if (buffer_.capacity() > kBufferKept) {
    buffer_ = std::string();
  } else {
    buffer_.clear();
  }
  line_start_ = 0;
  have_start_line_ = false;
  method_ = target_ = {};
  spans_.clear();
  auto fields = std::move(head_.fields);
  fields.clear();
  head_ = Http1Head{};
  head_.fields = std::move(fields);
}

Http1HeadWriter Http1HeadWriter::Request(std::string_view method, std::string_view target) {
  Http1HeadWriter writer;
  if (!IsHttpToken(method)) writer.bad_ = "the method";
  if (!IsHttpTarget(target)) writer.bad_ = "the request target";
  writer.out_.append(method).append(" ").append(target).append(" HTTP/1.1\r\n");
  return writer;
}

Http1HeadWriter Http1HeadWriter::Response(int status, std::string_view reason) {
  Http1HeadWriter writer;
  if (status < 100 || status > 999) writer.bad_ = "the status";
  if (!All(reason, kValueChar)) writer.bad_ = "the reason phrase";
  writer.out_.append("HTTP/1.1 ").append(std::to_string(status)).append(" ");
  writer.out_.append(reason).append("\r\n");
  return writer;
}

void Http1HeadWriter::Field(std::string_view name, std::string_view value) {
  if (!IsHttpToken(name)) {
    if (bad_.empty()) bad_ = "a header name";
    return;
  }
  if (!All(value, kValueChar)) {
    if (bad_.empty()) bad_ = "the value of header " + std::string(name);
    return;
  }
  out_.append(name).append(": ").append(value).append("\r\n");
}

Result<std::string> Http1HeadWriter::Finish() {
  if (!bad_.empty()) return Bad(bad_ + " holds characters that cannot be sent");
  out_ += "\r\n";
  return std::move(out_);
}

}  // namespace cove::codec
