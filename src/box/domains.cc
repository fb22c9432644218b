#include "box/domains.h"

#include <algorithm>

#include "base/text.h"

namespace cove::box {
namespace {

constexpr std::string_view kDefaults =
    "api.openai.com chat.openai.com chatgpt.com auth0.openai.com platform.openai.com openai.com";

bool IsLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool IsAlnum(char c) { return IsLetter(c) || (c >= '0' && c <= '9'); }

Result<void> AddWords(std::vector<std::string>& names, std::string_view line) {
  std::string word;
  const auto add = [&]() -> Result<void> {
    if (word.empty()) return Ok();
    if (!IsDomain(word)) return Error(Code::kInvalid, "Invalid domain format: " + word);
    std::string name = ToLower(word);
    word.clear();
    if (std::find(names.begin(), names.end(), name) == names.end()) {
      names.push_back(std::move(name));
    }
    return Ok();
  };
  for (const char c : line) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
      RETURN_IF_ERROR(add());
    } else {
      word += c;
    }
  }
  return add();
}

}  // namespace

bool IsDomain(std::string_view name) {
  if (name.size() > 253 || name.empty() || !IsAlnum(name.front())) return false;
  const size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot < 2) return false;
  const std::string_view top = name.substr(dot + 1);
  if (top.size() < 2 || !std::all_of(top.begin(), top.end(), &IsLetter)) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return IsAlnum(c) || c == '.' || c == '-'; });
}

Result<Domains> MergeDomains(const DomainSources& from) {
  Domains out;
  out.sources = "defaults";
  RETURN_IF_ERROR(AddWords(out.names, kDefaults));
  if (from.file) {
    out.sources += ", allowed_domains.txt";
    for (const std::string_view line : Split(*from.file, '\n')) {
      if (Trim(line).starts_with('#')) continue;
      RETURN_IF_ERROR(AddWords(out.names, line));
    }
  }
  if (!Trim(from.environment).empty()) {
    out.sources += ", OPENAI_ALLOWED_DOMAINS";
    RETURN_IF_ERROR(AddWords(out.names, from.environment));
  }
  if (out.names.empty()) return Error(Code::kInvalid, "No allowed domains.");
  return out;
}

}  // namespace cove::box
