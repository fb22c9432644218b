#include "codec/multipart.h"

#include "base/text.h"
#include "codec/http1.h"

namespace cove::codec {
namespace {

constexpr size_t kBoundaryMax = 70;  // RFC 2046 section 5.1.1
constexpr size_t kHeaderBytesMax = 16 * 1024;
constexpr size_t kPaddingMax = 256;  // blanks after a boundary

Error Bad(std::string_view what) { return {Code::kInvalid, "multipart: " + std::string(what)}; }

struct Parameter {
  std::string name;  // lower case
  std::string value;
};

// Reads one "; name=value" from the front of *text, which is moved past it; false at the end.
Result<bool> NextParameter(std::string_view* text, Parameter* out) {
  *text = Trim(*text);
  while (text->starts_with(';')) *text = Trim(text->substr(1));
  if (text->empty()) return false;
  const size_t equals = text->find('=');
  if (equals == text->npos) return Bad("a parameter without a value");
  out->name = ToLower(Trim(text->substr(0, equals)));
  out->value.clear();
  *text = Trim(text->substr(equals + 1));
  if (!text->starts_with('"')) {
    const size_t end = text->find(';');
    out->value = Trim(text->substr(0, end));
    *text = end == text->npos ? std::string_view() : text->substr(end);
    return true;
  }
  size_t at = 1;
  for (; at < text->size() && (*text)[at] != '"'; ++at) {
    // Only a quote and a backslash are escaped: some senders put Windows paths here as they are.
    const bool escape = (*text)[at] == '\\' && at + 1 < text->size() &&
                        ((*text)[at + 1] == '"' || (*text)[at + 1] == '\\');
    if (escape) ++at;
    out->value += (*text)[at];
  }
  if (at >= text->size()) return Bad("a quoted value does not end");
  *text = text->substr(at + 1);
  return true;
}

// Browsers write a quote in a name as %22 and line ends as %0D%0A (WHATWG HTML 4.10.22.8).
std::string UnescapeName(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    const std::string_view three = text.substr(i, 3);
    const char plain = three == "%22" ? '"' : three == "%0D" ? '\r' : three == "%0A" ? '\n' : 0;
    out += plain != 0 ? plain : text[i];
    if (plain != 0) i += 2;
  }
  return out;
}

std::string EscapeName(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"') {
      out += "%22";
    } else if (c == '\r') {
      out += "%0D";
    } else if (c == '\n') {
      out += "%0A";
    } else {
      out += c;
    }
  }
  return out;
}

Result<void> ParseDisposition(std::string_view value, MultipartPart* part) {
  const size_t semicolon = value.find(';');
  if (!EqualsIgnoreCase(Trim(value.substr(0, semicolon)), "form-data")) {
    return Bad("a part is not form-data");
  }
  value = semicolon == value.npos ? std::string_view() : value.substr(semicolon);
  bool named = false;
  bool extended = false;
  Parameter p;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, NextParameter(&value, &p));
    if (!more) break;
    if (p.name == "name") {
      part->name = UnescapeName(p.value);
      named = true;
    } else if (p.name == "filename" && !extended) {
      part->filename = UnescapeName(p.value);
      part->has_filename = true;
    } else if (p.name == "filename*") {
      // RFC 5987: charset'language'percent-encoded.
      const size_t quote = p.value.rfind('\'');
      const bool utf8 = ToLower(p.value).starts_with("utf-8'");
      const auto text = utf8 ? PercentDecode(p.value.substr(quote + 1)) : std::nullopt;
      if (!text) return Bad("an extended file name is not UTF-8");
      part->filename = *text;
      part->has_filename = extended = true;
    }
  }
  return named ? Ok() : Result<void>(Bad("a part has no name"));
}

}  // namespace

Result<std::string> MultipartBoundary(std::string_view content_type) {
  const size_t semicolon = content_type.find(';');
  if (!EqualsIgnoreCase(Trim(content_type.substr(0, semicolon)), "multipart/form-data")) {
    return Bad("the Content-Type is not multipart/form-data");
  }
  std::string_view rest = semicolon == content_type.npos ? "" : content_type.substr(semicolon);
  Parameter p;
  for (;;) {
    ASSIGN_OR_RETURN(const bool more, NextParameter(&rest, &p));
    if (!more) return Bad("the Content-Type has no boundary");
    if (p.name != "boundary") continue;
    if (p.value.empty() || p.value.size() > kBoundaryMax || !IsHttpFieldValue(p.value)) {
      return Bad("the boundary is empty or too long");
    }
    return std::move(p.value);
  }
}

// The buffer starts with a CRLF of our own, so that the first boundary looks like all others.
MultipartParser::MultipartParser(std::string_view boundary, size_t parts_max)
    : delimiter_("\r\n--" + std::string(boundary)), parts_max_(parts_max), buffer_("\r\n") {}

Result<MultipartParser::Event> MultipartParser::Next(std::string_view* in) {
  data_ = {};
  for (;;) {
    bool progress = false;
    ASSIGN_OR_RETURN(const Event event, Step(&progress));
    if (event != Event::kNeedMore) return event;
    if (progress) continue;
    if (in->empty()) return Event::kNeedMore;
    if (TakeContentUncopied(in)) return Event::kData;
    buffer_.erase(0, used_);
    used_ = 0;
    // In steps, so that one huge piece of input is not copied as a whole.
    const std::string_view piece = in->substr(0, kHeaderBytesMax);
    buffer_.append(piece);
    in->remove_prefix(piece.size());
  }
}

Result<MultipartParser::Event> MultipartParser::Step(bool* progress) {
  switch (state_) {
    case State::kPreamble:
    case State::kContent:
      return TakeContent(progress);
    case State::kDelimiter:
      return TakeDelimiterEnd(progress);
    case State::kHeader:
      return TakeHeader(progress);
    case State::kEnded:
      break;
  }
  used_ = buffer_.size();
  return Event::kEnd;
}

// How much of `text` is content for certain; `delimiter_at` is where a boundary was found, or npos.
size_t MultipartParser::ContentSize(std::string_view text, size_t delimiter_at) const {
  if (delimiter_at != text.npos) return delimiter_at;
  // The tail may be the beginning of a boundary.
  const size_t tail = text.size() < delimiter_.size() ? 0 : text.size() - delimiter_.size() + 1;
  const size_t cr = text.find('\r', tail);
  return cr == text.npos ? text.size() : cr;
}

// Large contents go through as views of the input: most of a file is never copied here.
bool MultipartParser::TakeContentUncopied(std::string_view* in) {
  if (state_ != State::kContent || !Pending().empty()) return false;
  const size_t size = ContentSize(*in, in->find(delimiter_));
  data_ = in->substr(0, size);
  in->remove_prefix(size);
  return size != 0;
}

// What stands before the next boundary: content, or the preamble, which is dropped.
Result<MultipartParser::Event> MultipartParser::TakeContent(bool* progress) {
  const std::string_view pending = Pending();
  const size_t found = pending.find(delimiter_);
  const size_t size = ContentSize(pending, found);
  if (size != 0) {
    used_ += size;
    *progress = true;
    if (state_ == State::kPreamble) return Event::kNeedMore;
    data_ = pending.substr(0, size);
    return Event::kData;
  }
  if (found == pending.npos) return Event::kNeedMore;
  used_ += delimiter_.size();
  *progress = true;
  const bool had_part = state_ == State::kContent;
  state_ = State::kDelimiter;
  return had_part ? Event::kPartEnd : Event::kNeedMore;
}

// After a boundary: "--" ends the form, blanks and CRLF begin a part.
Result<MultipartParser::Event> MultipartParser::TakeDelimiterEnd(bool* progress) {
  const std::string_view pending = Pending();
  if (pending.size() < 2) return Event::kNeedMore;
  if (pending.starts_with("--")) {
    state_ = State::kEnded;
    return Event::kEnd;
  }
  const size_t text = pending.find_first_not_of(" \t");
  if (text > kPaddingMax && pending.size() > kPaddingMax) return Bad("a boundary line is too long");
  if (text == pending.npos || text + 2 > pending.size()) return Event::kNeedMore;
  if (pending.substr(text, 2) != "\r\n") return Bad("a boundary is followed by other text");
  // The CRLF stays: it may be the whole header's end already.
  used_ += text;
  state_ = State::kHeader;
  *progress = true;
  return Event::kNeedMore;
}

Result<MultipartParser::Event> MultipartParser::TakeHeader(bool* progress) {
  const std::string_view pending = Pending();
  const size_t end = pending.find("\r\n\r\n");
  if (end == pending.npos ? pending.size() > kHeaderBytesMax : end > kHeaderBytesMax) {
    return Error(Code::kTooLarge, "multipart: a part's header is too long");
  }
  if (end == pending.npos) return Event::kNeedMore;
  if (++parts_ > parts_max_) {
    return Error(Code::kTooLarge, "multipart: more than " + std::to_string(parts_max_) + " parts");
  }
  RETURN_IF_ERROR(ParseHeader(end == 0 ? std::string_view() : pending.substr(2, end - 2)));
  used_ += end + 4;
  state_ = State::kContent;
  *progress = true;
  return Event::kPart;
}

Result<void> MultipartParser::ParseHeader(std::string_view text) {
  part_ = MultipartPart{};
  bool disposed = false;
  while (!text.empty()) {
    const size_t end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == text.npos ? std::string_view() : text.substr(end + 2);
    const size_t colon = line.find(':');
    if (colon == line.npos || !IsHttpToken(line.substr(0, colon)) || !IsHttpFieldValue(line)) {
      return Bad("a part's header line is malformed");
    }
    const std::string_view value = Trim(line.substr(colon + 1));
    if (EqualsIgnoreCase(line.substr(0, colon), "content-disposition")) {
      if (disposed) return Bad("a part has two dispositions");
      RETURN_IF_ERROR(ParseDisposition(value, &part_));
      disposed = true;
    } else if (EqualsIgnoreCase(line.substr(0, colon), "content-type")) {
      part_.content_type = value;
    }
  }
  return disposed ? Ok() : Result<void>(Bad("a part has no Content-Disposition"));
}

MultipartWriter::MultipartWriter() : boundary_("cove-" + RandomHex(16)) {}

std::string MultipartWriter::PartHead(std::string_view name, std::string_view filename,
                                      std::string_view content_type) {
  std::string out = first_ ? "--" : "\r\n--";
  first_ = false;
  out += boundary_ + "\r\nContent-Disposition: form-data; name=\"" + EscapeName(name) + "\"";
  if (!filename.empty()) out += "; filename=\"" + EscapeName(filename) + "\"";
  if (!content_type.empty() && IsHttpFieldValue(content_type)) {
    out.append("\r\nContent-Type: ").append(content_type);
  }
  return out + "\r\n\r\n";
}

}  // namespace cove::codec
