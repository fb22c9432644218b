// Pieces: cuts the wanted parts out of a JSON document that comes in pieces of any size, without
// ever holding the document.
//
// A wanted part is named by its path from the root: keys joined by '.', "*" for each item of an
// array. A path that no other path continues is a *leaf*: its text is kept (up to a limit) and
// shown when it ends. A path that others continue is a *group*: it is shown without text when it
// ends, after everything in it. Parts are shown in the order in which they end; a key that stands
// twice is shown twice. What follows a mistake is not read; what was shown before stays true.
// Structure is checked (RFC 8259); what a number or a word looks like is left to who reads it.
// Memory: one leaf's text, one key, a few bytes per level. Thread: values.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cove::json {

// The wanted paths; an id is the path's position in the list. Immutable, so it may be shared.
class PieceTable {
 public:
  explicit PieceTable(const std::vector<std::string>& paths);

 private:
  friend class Pieces;
  struct Node {
    int id = -1;
    int item = -1;  // the node of "*"
    std::vector<std::pair<std::string, int>> keys;
    bool leaf() const { return item < 0 && keys.empty(); }
  };
  int Make(int parent, const std::string& key);
  int Child(int node, std::string_view key) const;
  std::vector<Node> nodes_;
};

struct Piece {
  int id = 0;
  std::string_view text;  // a leaf as it stands in the document; lives until the function returns
  bool cut = false;       // the text is longer than the limit; this is its beginning
  uint64_t begin = 0;     // in the document
  uint64_t end = 0;
};

class Pieces {
 public:
  using OnPiece = std::function<void(const Piece&)>;
  static constexpr size_t kDepthMax = 256;
  // The table must outlive the object.
  Pieces(const PieceTable& table, size_t text_bytes_max, OnPiece on_piece);

  void Feed(std::string_view bytes);
  // The end of the text: a bare number ends here.
  void End();
  // For the next document.
  void Reset();
  bool failed() const { return state_ == State::kFailed; }
  bool whole() const { return state_ == State::kDone; }

 private:
  enum class State : uint8_t {
    kValue,
    kFirstItem,  // or the end of the array
    kFirstKey,   // or the end of the object
    kKey,
    kColon,
    kAfter,  // a value: comma or end
    kString,
    kEscape,
    kScalar,
    kDone,
    kFailed,
  };
  struct Frame {
    int node = -1;
    bool array = false;
    uint64_t begin = 0;
  };

  const char* Step(const char* at, const char* end);
  const char* InString(const char* at, const char* end);
  const char* InScalar(const char* at, const char* end);
  void OnStructure(char c);
  void BeginValue(char c);
  void EndValue(uint64_t end);
  void Close(bool array);
  int NodeOfValue() const;
  void Keep(const char* to);

  const PieceTable& table_;
  size_t text_bytes_max_;
  OnPiece on_piece_;
  State state_ = State::kValue;
  bool in_key_ = false;
  bool key_escaped_ = false;
  bool key_too_long_ = false;
  std::string key_;
  std::vector<Frame> stack_;
  uint64_t offset_ = 0;  // of chunk_ in the document
  const char* chunk_ = nullptr;
  const char* now_ = nullptr;
  int value_node_ = -1;
  uint64_t value_begin_ = 0;
  // The leaf being kept, if capture_depth_ >= 0: the number of containers around it.
  int capture_depth_ = -1;
  int capture_id_ = -1;
  uint64_t capture_begin_ = 0;
  const char* capture_from_ = nullptr;
  bool capture_cut_ = false;
  std::string capture_;
};

// A JSON string's text, as far as it goes: `raw` begins with its quote and may be cut anywhere.
// What is not valid (a lone surrogate, bytes that are not UTF-8) becomes U+FFFD. Any other value
// comes as it stands, null as nothing.
std::string Unquote(std::string_view raw);

}  // namespace cove::json
