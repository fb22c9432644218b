#include "policy/registries.h"

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <system_error>

#include "base/text.h"
#include "policy/host_name.h"

namespace cove::policy {
namespace {

constexpr size_t kFileBytesMax = 256 * 1024;

using HostPorts = std::map<std::string, std::set<uint16_t>>;

// Adds the host and port of an http or https URL; anything else adds nothing.
bool AddUrl(std::string_view url, HostPorts& out) {
  url = Trim(url);
  if (url.size() >= 2 && (url.front() == '"' || url.front() == '\'')) {
    url = url.substr(1, url.size() - 2);
  }
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return false;
  const std::string scheme = ToLower(url.substr(0, colon));
  if (scheme != "http" && scheme != "https") return false;
  std::string_view authority = url.substr(colon + 3);
  authority = authority.substr(0, authority.find_first_of("/?#"));
  // A password may hold '@' itself: the host starts after the last one.
  const size_t at = authority.rfind('@');
  if (at != std::string_view::npos) authority.remove_prefix(at + 1);
  uint16_t port = scheme == "https" ? 443 : 80;
  const size_t port_colon = authority.rfind(':');
  if (port_colon != std::string_view::npos) {
    const auto given = ParseInt<uint16_t>(authority.substr(port_colon + 1));
    if (!given || *given == 0) return false;
    port = *given;
    authority = authority.substr(0, port_colon);
  }
  const auto host = CanonicalHost(authority);
  if (!host) return false;
  out[*host].insert(port);
  return true;
}

std::string_view WithoutComment(std::string_view line, std::string_view marks) {
  line = Trim(line);
  if (!line.empty() && marks.find(line.front()) != std::string_view::npos) return {};
  return line;
}

struct KeyValue {
  std::string_view key;
  std::string_view value;
};

std::optional<KeyValue> ParseKeyValue(std::string_view line, char separator) {
  const size_t at = line.find(separator);
  if (at == std::string_view::npos) return std::nullopt;
  return KeyValue{Trim(line.substr(0, at)), Trim(line.substr(at + 1))};
}

// registry=URL and @scope:registry=URL. True if the default registry was named.
bool ReadNpmrc(std::string_view text, HostPorts& out) {
  bool named = false;
  for (const std::string_view raw : Split(text, '\n')) {
    const auto kv = ParseKeyValue(WithoutComment(raw, "#;"), '=');
    if (!kv) continue;
    if (kv->key == "registry") named = AddUrl(kv->value, out) || named;
    if (kv->key.starts_with('@') && kv->key.ends_with(":registry")) AddUrl(kv->value, out);
  }
  return named;
}

// index-url replaces the default; extra-index-url adds, also on continuation lines.
bool ReadPipConf(std::string_view text, HostPorts& out) {
  bool named = false;
  bool extra = false;
  for (const std::string_view raw : Split(text, '\n')) {
    const std::string_view line = WithoutComment(raw, "#;");
    if (line.empty()) continue;
    const bool continued = raw.front() == ' ' || raw.front() == '\t';
    if (continued && extra) {
      AddUrl(line, out);
      continue;
    }
    extra = false;
    const auto kv = ParseKeyValue(line, '=');
    if (!kv) continue;
    if (kv->key == "index-url") named = AddUrl(kv->value, out) || named;
    if (kv->key == "extra-index-url") {
      extra = true;
      for (const std::string_view url : Split(kv->value, ' ')) AddUrl(url, out);
    }
  }
  return named;
}

void ReadAptList(std::string_view text, HostPorts& out) {
  for (const std::string_view raw : Split(text, '\n')) {
    const std::string_view line = WithoutComment(raw, "#");
    if (!line.starts_with("deb ") && !line.starts_with("deb-src ")) continue;
    for (const std::string_view word : Split(line, ' ')) {
      if (AddUrl(word, out)) break;
    }
  }
}

void ReadAptSources(std::string_view text, HostPorts& out) {
  bool uris = false;
  for (const std::string_view raw : Split(text, '\n')) {
    const std::string_view line = WithoutComment(raw, "#");
    if (line.empty()) continue;
    const bool continued = raw.front() == ' ' || raw.front() == '\t';
    std::string_view value = line;
    if (!continued) {
      const auto kv = ParseKeyValue(line, ':');
      uris = kv && EqualsIgnoreCase(kv->key, "URIs");
      if (uris) value = kv->value;
    }
    if (!uris) continue;
    for (const std::string_view word : Split(value, ' ')) AddUrl(word, out);
  }
}

std::optional<std::string> ReadSmallFile(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) return std::nullopt;
  if (std::filesystem::file_size(path, error) > kFileBytesMax || error) return std::nullopt;
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  std::string text(kFileBytesMax, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(in.gcount()));
  return text;
}

void ReadInto(const std::filesystem::path& path, std::vector<std::string>& out) {
  if (auto text = ReadSmallFile(path)) out.push_back(std::move(*text));
}

}  // namespace

RegistryFiles ReadRegistryFiles(const std::string& root, const std::vector<std::string>& homes) {
  const std::filesystem::path base(root);
  RegistryFiles files;
  for (const char* path : {"etc/npmrc", "usr/etc/npmrc", "usr/local/etc/npmrc"}) {
    ReadInto(base / path, files.npmrc);
  }
  ReadInto(base / "etc/pip.conf", files.pip_conf);
  for (const std::string& home : homes) {
    ReadInto(std::filesystem::path(home) / ".npmrc", files.npmrc);
    ReadInto(std::filesystem::path(home) / ".config/pip/pip.conf", files.pip_conf);
    ReadInto(std::filesystem::path(home) / ".pip/pip.conf", files.pip_conf);
  }
  ReadInto(base / "etc/apt/sources.list", files.apt_list);
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(base / "etc/apt/sources.list.d", error)) {
    if (entry.path().extension() == ".list") ReadInto(entry.path(), files.apt_list);
    if (entry.path().extension() == ".sources") ReadInto(entry.path(), files.apt_sources);
  }
  return files;
}

std::vector<std::string> RegistryRules(const RegistryFiles& files) {
  HostPorts hosts;
  bool npm = false;
  bool pip = false;
  for (const std::string& text : files.npmrc) npm = ReadNpmrc(text, hosts) || npm;
  for (const std::string& text : files.pip_conf) pip = ReadPipConf(text, hosts) || pip;
  for (const std::string& text : files.apt_list) ReadAptList(text, hosts);
  for (const std::string& text : files.apt_sources) ReadAptSources(text, hosts);
  if (!npm) hosts["registry.npmjs.org"].insert(443);
  // The public index hands out downloads on a second host.
  if (!pip || hosts.contains("pypi.org")) {
    hosts["pypi.org"].insert(443);
    hosts["files.pythonhosted.org"].insert(443);
  }
  for (const char* host : {"index.crates.io", "static.crates.io", "proxy.golang.org",
                           "sum.golang.org", "repo.maven.apache.org", "repo1.maven.org"}) {
    hosts[host].insert(443);
  }
  std::vector<std::string> rules;
  for (const auto& [host, ports] : hosts) {
    std::string rule = host;
    char separator = ':';
    for (const uint16_t port : ports) {
      rule += separator + std::to_string(port);
      separator = ',';
    }
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace cove::policy
