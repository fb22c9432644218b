#include "policy/presets.h"

#include <algorithm>
#include <array>

#include "base/text.h"

namespace cove::policy {
namespace {

using Hosts = std::string_view;

constexpr auto kOpenAi = std::to_array<Hosts>({"api.openai.com:443"});
constexpr auto kAnthropic = std::to_array<Hosts>({"api.anthropic.com:443"});
constexpr auto kNpm = std::to_array<Hosts>({"registry.npmjs.org:443"});
constexpr auto kPypi = std::to_array<Hosts>({"pypi.org:443", "files.pythonhosted.org:443"});
constexpr auto kCrates =
    std::to_array<Hosts>({"crates.io:443", "index.crates.io:443", "static.crates.io:443"});
constexpr auto kGo = std::to_array<Hosts>({"proxy.golang.org:443", "sum.golang.org:443"});
constexpr auto kDebian =
    std::to_array<Hosts>({"deb.debian.org:80,443", "security.debian.org:80,443"});
constexpr auto kMaven = std::to_array<Hosts>({"repo.maven.apache.org:443", "repo1.maven.org:443"});
constexpr auto kGithub = std::to_array<Hosts>(
    {"github.com:443", "codeload.github.com:443", "objects.githubusercontent.com:443",
     "release-assets.githubusercontent.com:443", "raw.githubusercontent.com:443",
     "github-cloud.githubusercontent.com:443"});
constexpr auto kGithubFiles = std::span(kGithub).subspan<1, 4>();
// A fetch asks for refs and posts what it has; a push posts to git-receive-pack. For large files
// both ask the same path where they lie, and it is the files' host that tells them apart: a
// download gets them from one, an upload puts them to another.
constexpr auto kGithubClone = std::to_array<PresetRequests>(
    {{"github.com:443", "GET HEAD", ""},
     {"github.com:443", "POST", "/*/*/git-upload-pack /*/*/info/lfs/objects/batch"},
     {"github-cloud.githubusercontent.com:443", "GET HEAD", ""}});
// Large files are put into a bucket whose host is a storage service's: connections that nobody
// reads could name another bucket there, which anybody can have.
constexpr auto kGithubUploads =
    std::to_array<PresetRequests>({{"github-cloud.s3.amazonaws.com:443", "GET HEAD PUT", ""}});
constexpr auto kHuggingFace = std::to_array<Hosts>(
    {"huggingface.co:443", "cdn-lfs.huggingface.co:443", "cdn-lfs.hf.co:443",
     "cdn-lfs-us-1.hf.co:443", "cdn-lfs-eu-1.hf.co:443", "cas-server.xethub.hf.co:443",
     "cas-bridge.xethub.hf.co:443", "transfer.xethub.hf.co:443"});

constexpr auto kPresets = std::to_array<Preset>({
    {"openai", "The API of OpenAI, for programs that bring a key of their own.", kOpenAi},
    {"anthropic", "The API of Anthropic, for programs that bring a key of their own.", kAnthropic},
    {"npm", "JavaScript packages: metadata and tarballs come from one host.", kNpm},
    {"pypi", "Python packages: the index is one host, the files another.", kPypi},
    {"crates", "Rust crates: the sparse index, the API and the files.", kCrates},
    {"go", "Go modules through the public proxy, and the database of their checksums.", kGo},
    {"debian", "Debian packages; apt checks signatures itself, so plain HTTP is fine.", kDebian},
    {"maven", "Maven Central by both of its names.", kMaven},
    {"github-clone",
     "Clone and fetch from GitHub over HTTPS, with its large files (LFS), archives, release files "
     "and raw files; a push, of large files too, is refused, for which TLS to github.com is "
     "opened. "
     "What is asked for can still carry data out.",
     kGithubFiles, kGithubClone},
    {"github",
     "Clone and push: git over HTTPS with GitHub, its large files (LFS), archives, release files "
     "and raw files. Anybody can have a repository there: what leaves is limited only by the "
     "credentials inside. TLS to the host that large files are put on is opened.",
     kGithub, kGithubUploads},
    {"huggingface", "Models and data sets with the hosts their files are kept on.", kHuggingFace},
});

std::vector<std::string_view> Words(std::string_view text) {
  return text.empty() ? std::vector<std::string_view>() : Split(text, ' ');
}

}  // namespace

std::span<const Preset> Presets() { return kPresets; }

Result<std::vector<Rule>> PresetRules(std::string_view name, Layer layer) {
  const auto* const found = std::find_if(kPresets.begin(), kPresets.end(),
                                         [&](const Preset& p) { return p.name == name; });
  if (found == kPresets.end()) {
    std::string known;
    for (const Preset& p : kPresets) known += (known.empty() ? "" : ", ") + std::string(p.name);
    return Error(Code::kInvalid,
                 "there is no preset '" + std::string(name) + "'; there are " + known);
  }
  std::vector<Rule> rules;
  for (const std::string_view text : found->allow) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(text, layer));
    rules.push_back(std::move(rule));
  }
  for (const PresetRequests& requests : found->requests) {
    ASSIGN_OR_RETURN(Rule rule, ParseRule(requests.host, layer));
    rule.inspect = true;
    std::vector<std::string> methods;
    for (const std::string_view method : Words(requests.methods)) methods.emplace_back(method);
    std::vector<PathPattern> paths;
    for (const std::string_view text : Words(requests.paths)) {
      ASSIGN_OR_RETURN(PathPattern path, PathPattern::Parse(text));
      paths.push_back(std::move(path));
    }
    rule.methods = std::move(methods);
    rule.paths = std::move(paths);
    Spell(rule);
    rules.push_back(std::move(rule));
  }
  return rules;
}

}  // namespace cove::policy
