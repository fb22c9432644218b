// Replaces texts in a stream of bytes that comes in pieces.
//
// What is held back between pieces is only an end that one of the texts begins with, so a stream of
// events is not delayed for long. A replacement is not searched again. Thread: value.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cove::gateway {

struct Replacement {
  std::string from;  // not empty
  std::string to;
  std::string whose = {};  // what found() calls it
};

class TextReplacer {
 public:
  // `growth_max`: what is longer by more than this is cut (overflowed).
  explicit TextReplacer(std::vector<Replacement> replacements, size_t growth_max = SIZE_MAX);
  // Appends to *out what is certain by now.
  void Feed(std::string_view bytes, std::string* out);
  // The stream has ended.
  void Finish(std::string* out);
  // Whether anything was replaced so far, and whose: each once.
  bool replaced() const { return replaced_; }
  const std::vector<std::string>& found() const { return found_; }
  bool overflowed() const { return overflowed_; }

  // A whole text at once.
  static std::string All(std::string_view text, const std::vector<Replacement>& replacements);

 private:
  enum class More { kMayCome, kNone };
  void Work(More more, std::string* out);
  // The one that begins first in `text` from `at` on; of those that begin together the longest.
  struct Match {
    const Replacement* what = nullptr;
    size_t at = std::string_view::npos;
  };
  Match Next(std::string_view text, size_t at, std::vector<size_t>& found) const;
  // How many bytes at the end of `bytes` one of the texts, longer than that, begins with.
  size_t HeldBack(std::string_view bytes) const;

  std::vector<Replacement> replacements_;
  std::string pending_;
  size_t growth_left_;
  bool replaced_ = false;
  std::vector<std::string> found_;
  bool overflowed_ = false;
};

}  // namespace cove::gateway
