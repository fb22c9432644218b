#include "gateway/text_replacer.h"

#include <algorithm>

#include "gateway/name_list.h"

namespace cove::gateway {

TextReplacer::TextReplacer(std::vector<Replacement> replacements, size_t growth_max)
    : replacements_(std::move(replacements)), growth_left_(growth_max) {}

void TextReplacer::Feed(std::string_view bytes, std::string* out) {
  pending_.append(bytes);
  Work(More::kMayCome, out);
}

void TextReplacer::Finish(std::string* out) { Work(More::kNone, out); }

// `found` remembers where each text is next, so that each is searched for once only.
TextReplacer::Match TextReplacer::Next(std::string_view text, size_t at,
                                       std::vector<size_t>& found) const {
  Match best;
  for (size_t i = 0; i < replacements_.size(); ++i) {
    const Replacement& one = replacements_[i];
    if (found[i] < at) found[i] = text.find(one.from, at);
    if (found[i] == std::string_view::npos || found[i] > best.at) continue;
    if (found[i] < best.at || one.from.size() > best.what->from.size()) best = {&one, found[i]};
  }
  return best;
}

void TextReplacer::Work(More more, std::string* out) {
  const std::string_view text = pending_;
  std::vector<size_t> found(replacements_.size());
  for (size_t i = 0; i < found.size(); ++i) found[i] = text.find(replacements_[i].from);
  // A match that reaches into this end may turn out to be the beginning of a longer one.
  const size_t certain = more == More::kNone ? text.size() : text.size() - HeldBack(text);
  size_t at = 0;
  for (;;) {
    const Match match = Next(text, at, found);
    if (match.what == nullptr || match.at >= certain) break;
    const size_t from = match.what->from.size();
    const size_t to = match.what->to.size();
    const size_t growth = to > from ? to - from : 0;
    if (growth > growth_left_) {
      overflowed_ = true;
      return;
    }
    growth_left_ -= growth;
    out->append(text.substr(at, match.at - at));
    out->append(match.what->to);
    at = match.at + match.what->from.size();
    replaced_ = true;
    if (!match.what->whose.empty()) AddOnce(found_, match.what->whose);
  }
  const size_t end = std::max(at, certain);
  out->append(text.substr(at, end - at));
  pending_ = std::string(text.substr(end));
}

size_t TextReplacer::HeldBack(std::string_view bytes) const {
  size_t held = 0;
  for (const Replacement& replacement : replacements_) {
    size_t n = std::min(bytes.size(), replacement.from.size() - 1);
    while (n > held && !replacement.from.starts_with(bytes.substr(bytes.size() - n))) --n;
    held = std::max(held, n);
  }
  return held;
}

std::string TextReplacer::All(std::string_view text, const std::vector<Replacement>& replacements) {
  TextReplacer replacer(replacements);
  std::string out;
  replacer.Feed(text, &out);
  replacer.Finish(&out);
  return out;
}

}  // namespace cove::gateway
