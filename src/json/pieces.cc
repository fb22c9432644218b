#include "json/pieces.h"

#include <algorithm>
#include <array>

namespace cove::json {

namespace {

constexpr size_t kKeyBytesMax = 256;

// What a string holds without further meaning: anything but quote, backslash and control bytes.
constexpr std::array<bool, 256> MakePlain() {
  std::array<bool, 256> out{};
  for (size_t c = 0x20; c < out.size(); ++c) out[c] = c != '"' && c != '\\';
  return out;
}
constexpr std::array<bool, 256> kPlain = MakePlain();

bool IsBlank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }

bool IsScalar(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+' || c == '.' ||
         c == 'E';
}

}  // namespace

PieceTable::PieceTable(const std::vector<std::string>& paths) : nodes_(1) {
  for (size_t id = 0; id < paths.size(); ++id) {
    int node = 0;
    const std::string& path = paths[id];
    for (size_t at = 0; at <= path.size();) {
      size_t dot = path.find('.', at);
      if (dot == std::string::npos) dot = path.size();
      node = Make(node, path.substr(at, dot - at));
      at = dot + 1;
    }
    nodes_[static_cast<size_t>(node)].id = static_cast<int>(id);
  }
}

int PieceTable::Make(int parent, const std::string& key) {
  const auto at = static_cast<size_t>(parent);
  int found = key == "*" ? nodes_[at].item : Child(parent, key);
  if (found >= 0) return found;
  found = static_cast<int>(nodes_.size());
  nodes_.emplace_back();
  if (key == "*") {
    nodes_[at].item = found;
  } else {
    nodes_[at].keys.emplace_back(key, found);
  }
  return found;
}

int PieceTable::Child(int node, std::string_view key) const {
  for (const auto& [name, child] : nodes_[static_cast<size_t>(node)].keys) {
    if (name == key) return child;
  }
  return -1;
}

Pieces::Pieces(const PieceTable& table, size_t text_bytes_max, OnPiece on_piece)
    : table_(table), text_bytes_max_(text_bytes_max), on_piece_(std::move(on_piece)) {}

void Pieces::Reset() {
  state_ = State::kValue;
  in_key_ = false;
  stack_.clear();
  offset_ = 0;
  capture_depth_ = -1;
}

void Pieces::Feed(std::string_view bytes) {
  chunk_ = bytes.data();
  const char* const end = bytes.data() + bytes.size();
  capture_from_ = chunk_;
  const char* at = chunk_;
  while (at != end && state_ != State::kFailed) at = Step(at, end);
  if (capture_depth_ >= 0) Keep(end);
  offset_ += bytes.size();
  chunk_ = nullptr;
}

void Pieces::End() {
  if (state_ != State::kScalar) return;
  chunk_ = now_ = capture_from_ = nullptr;
  EndValue(offset_);
}

const char* Pieces::Step(const char* at, const char* end) {
  now_ = at;
  switch (state_) {
    case State::kString:
      return InString(at, end);
    case State::kEscape:
      // The digits of \u are plain bytes; Unquote() looks at them.
      state_ = static_cast<unsigned char>(*at) < 0x20 ? State::kFailed : State::kString;
      if (in_key_ && key_.size() < kKeyBytesMax) key_ += *at;
      return at + 1;
    case State::kScalar:
      return InScalar(at, end);
    default:
      if (!IsBlank(*at)) OnStructure(*at);
      return at + 1;
  }
}

const char* Pieces::InString(const char* at, const char* end) {
  const char* to = at;
  while (to != end && kPlain[static_cast<unsigned char>(*to)]) ++to;
  if (in_key_) {
    const auto size = static_cast<size_t>(to - at);
    if (key_.size() + size > kKeyBytesMax) {
      key_too_long_ = true;
    } else {
      key_.append(at, size);
    }
  }
  if (to == end) return to;
  now_ = to;
  if (*to == '\\') {
    state_ = State::kEscape;
    if (in_key_) {
      key_escaped_ = true;
      if (key_.size() < kKeyBytesMax) key_ += '\\';
    }
  } else if (*to != '"') {
    state_ = State::kFailed;
  } else if (in_key_) {
    in_key_ = false;
    if (key_escaped_) key_ = Unquote('"' + key_ + '"');
    state_ = State::kColon;
  } else {
    now_ = to + 1;
    EndValue(offset_ + static_cast<uint64_t>(to + 1 - chunk_));
  }
  return to + 1;
}

const char* Pieces::InScalar(const char* at, const char* end) {
  while (at != end && IsScalar(*at)) ++at;
  now_ = at;
  if (at != end) EndValue(offset_ + static_cast<uint64_t>(at - chunk_));
  return at;
}

void Pieces::OnStructure(char c) {
  switch (state_) {
    case State::kFirstItem:
      if (c == ']') return Close(true);
      return BeginValue(c);
    case State::kValue:
      return BeginValue(c);
    case State::kFirstKey:
    case State::kKey:
      if (c == '}' && state_ == State::kFirstKey) return Close(false);
      if (c != '"') break;
      key_.clear();
      in_key_ = true;
      key_escaped_ = key_too_long_ = false;
      state_ = State::kString;
      return;
    case State::kColon:
      if (c != ':') break;
      state_ = State::kValue;
      return;
    case State::kAfter:
      if (c == ']' || c == '}') return Close(c == ']');
      if (c != ',') break;
      state_ = stack_.back().array ? State::kValue : State::kKey;
      return;
    default:
      break;  // text after the value
  }
  state_ = State::kFailed;
}

int Pieces::NodeOfValue() const {
  if (stack_.empty()) return 0;
  const Frame& in = stack_.back();
  if (in.node < 0) return -1;
  if (in.array) return table_.nodes_[static_cast<size_t>(in.node)].item;
  return key_too_long_ ? -1 : table_.Child(in.node, key_);
}

void Pieces::BeginValue(char c) {
  const uint64_t begin = offset_ + static_cast<uint64_t>(now_ - chunk_);
  const int node = NodeOfValue();
  value_node_ = node;
  value_begin_ = begin;
  if (node > 0 && capture_depth_ < 0 && table_.nodes_[static_cast<size_t>(node)].leaf()) {
    capture_depth_ = static_cast<int>(stack_.size());
    capture_id_ = table_.nodes_[static_cast<size_t>(node)].id;
    capture_begin_ = begin;
    capture_from_ = now_;
    capture_cut_ = false;
    capture_.clear();
  }
  if (c == '{' || c == '[') {
    if (stack_.size() == kDepthMax) {
      state_ = State::kFailed;
      return;
    }
    stack_.push_back({node, c == '[', begin});
    state_ = c == '[' ? State::kFirstItem : State::kFirstKey;
  } else if (c == '"') {
    state_ = State::kString;
  } else {
    state_ = IsScalar(c) ? State::kScalar : State::kFailed;
  }
}

void Pieces::Close(bool array) {
  if (stack_.back().array != array) {
    state_ = State::kFailed;
    return;
  }
  value_node_ = stack_.back().node;
  value_begin_ = stack_.back().begin;
  stack_.pop_back();
  ++now_;
  EndValue(offset_ + static_cast<uint64_t>(now_ - chunk_));
}

void Pieces::EndValue(uint64_t end) {
  state_ = stack_.empty() ? State::kDone : State::kAfter;
  if (capture_depth_ >= 0) {
    if (capture_depth_ != static_cast<int>(stack_.size())) return;
    Keep(now_);
    capture_depth_ = -1;
    on_piece_({capture_id_, capture_, capture_cut_, capture_begin_, end});
    return;
  }
  if (value_node_ <= 0) return;
  const int id = table_.nodes_[static_cast<size_t>(value_node_)].id;
  if (id >= 0) on_piece_({id, {}, false, value_begin_, end});
}

void Pieces::Keep(const char* to) {
  const auto size = static_cast<size_t>(to - capture_from_);
  const size_t room = text_bytes_max_ - capture_.size();
  capture_cut_ = capture_cut_ || size > room;
  if (size != 0) capture_.append(capture_from_, std::min(size, room));
}

}  // namespace cove::json
