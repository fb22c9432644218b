#include "runner/doctor.h"

#include <algorithm>
#include <cstdio>

#include "runner/options.h"

namespace cove::runner {
namespace {

constexpr const char* kUsage = "usage: cove doctor [--data DIR] [--json]\n";

const char* Word(Health health) {
  switch (health) {
    case Health::kGood:
      return "ok";
    case Health::kReduced:
      return "reduced";
    case Health::kBad:
      break;
  }
  return "PROBLEM";
}

std::string Quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
  }
  return out + '"';
}

bool Usable(const std::vector<Finding>& findings) {
  return std::none_of(findings.begin(), findings.end(),
                      [](const Finding& f) { return f.health == Health::kBad; });
}

}  // namespace

std::string AsText(const std::vector<Finding>& findings) {
  std::string out;
  for (const Finding& f : findings) {
    std::string line = std::string(Word(f.health));
    line.resize(9, ' ');
    line += f.what;
    line.resize(std::max<size_t>(line.size() + 1, 26), ' ');
    out += line + f.found + "\n";
    if (!f.advice.empty()) out += std::string(26, ' ') + "-> " + f.advice + "\n";
  }
  return out + (Usable(findings) ? "`cove serve` can run here\n"
                                 : "`cove serve` would refuse: see each PROBLEM\n");
}

std::string AsJson(const std::vector<Finding>& findings) {
  std::string out = std::string("{\"ok\":") + (Usable(findings) ? "true" : "false");
  out += ",\"findings\":[";
  for (const Finding& f : findings) {
    if (out.back() != '[') out += ',';
    out += "{\"what\":" + Quoted(f.what) + ",\"health\":";
    out += f.health == Health::kBad ? "\"problem\"" : Quoted(Word(f.health));
    out += ",\"found\":" + Quoted(f.found) + ",\"advice\":" + Quoted(f.advice) + "}";
  }
  return out + "]}\n";
}

int DoctorMain(const std::vector<std::string>& args) {
  std::string data = Options().data;
  bool json = false;
  for (size_t i = 0; i < args.size(); ++i) {
    if (args[i] == "--json") {
      json = true;
    } else if (args[i] == "--data" && i + 1 < args.size() && args[i + 1].starts_with('/')) {
      data = args[++i];
    } else if (args[i] == "--help" || args[i] == "-h") {
      std::fputs(kUsage, stdout);
      return 0;
    } else {
      std::fprintf(stderr, "cove doctor: wrong option '%s'\n%s", args[i].c_str(), kUsage);
      return 2;
    }
  }
  const auto findings = Examine(data);
  std::fputs((json ? AsJson(findings) : AsText(findings)).c_str(), stdout);
  return Usable(findings) ? 0 : 1;
}

}  // namespace cove::runner
