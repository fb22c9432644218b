// Goal: the default rules are exactly the hosts that the machine's configuration names, and no
// secret of those files gets out. Method: file contents in, rules out; one reading of a tree.
#include "policy/registries.h"

#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>

#include "base/testing.h"
#include "policy/policy.h"

namespace cove::policy {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(RegistriesTest, AnEmptyMachineGetsThePublicDefaults) {
  const auto rules = RegistryRules({});
  for (const char* rule : {"registry.npmjs.org:443", "pypi.org:443", "files.pythonhosted.org:443",
                           "index.crates.io:443", "proxy.golang.org:443", "sum.golang.org:443",
                           "repo.maven.apache.org:443", "repo1.maven.org:443"}) {
    EXPECT_THAT(rules, Contains(rule));
  }
  EXPECT_TRUE(Policy::Parse(rules, Layer::kRegistries));
}

TEST(RegistriesTest, ConfiguredRegistriesReplaceDefaults) {
  RegistryFiles files;
  files.npmrc = {
      "# a comment\nregistry = https://npm.corp.test:8443/repo/\n"
      "@team:registry=http://team.test/\n;x\n//npm.corp.test/:_authToken=SECRET\n"};
  files.pip_conf = {
      "[global]\nindex-url = https://user:p@ss@pip.corp.test/simple\n"
      "extra-index-url = https://a.test/s\n  https://b.test:444/s\n"};
  const auto rules = RegistryRules(files);
  for (const char* rule :
       {"npm.corp.test:8443", "team.test:80", "pip.corp.test:443", "a.test:443", "b.test:444"}) {
    EXPECT_THAT(rules, Contains(rule));
  }
  EXPECT_THAT(rules, Not(Contains("registry.npmjs.org:443")));
  EXPECT_THAT(rules, Not(Contains("pypi.org:443")));
  for (const std::string& rule : rules) {
    EXPECT_THAT(rule, Not(HasSubstr("SECRET")));
    EXPECT_THAT(rule, Not(HasSubstr("user")));
    EXPECT_THAT(rule, Not(HasSubstr("ss@")));
  }
  EXPECT_TRUE(Policy::Parse(rules, Layer::kRegistries));
}

TEST(RegistriesTest, ReadsBothStylesOfAptSources) {
  RegistryFiles files;
  files.apt_list = {
      "deb [signed-by=/x.gpg arch=amd64] https://deb.nodesource.com/node_20.x nodistro main\n"
      "# deb http://no.test/ x y\ndeb-src http://deb.debian.org/debian bookworm main\n"};
  files.apt_sources = {
      "Types: deb\nURIs: http://deb.debian.org/debian\n https://second.test/debian\n"
      "Suites: bookworm\nSigned-By: /usr/share/x\n"};
  const auto rules = RegistryRules(files);
  EXPECT_THAT(rules, Contains("deb.nodesource.com:443"));
  EXPECT_THAT(rules, Contains("deb.debian.org:80"));
  EXPECT_THAT(rules, Contains("second.test:443"));
  EXPECT_THAT(rules, Not(Contains("no.test:80")));
}

TEST(RegistriesTest, AddressesAndOddUrlsGiveNoRule) {
  RegistryFiles files;
  files.npmrc = {
      "registry=http://127.0.0.1:4873/\n@x:registry=file:///etc\n@y:registry=https://\n"};
  const auto rules = RegistryRules(files);
  EXPECT_EQ(rules, RegistryRules({}));
}

TEST(RegistriesTest, ReadsTheFilesOfAMachine) {
  const TempDir root;
  root.File("etc/apt/sources.list.d/x.sources", "URIs: http://apt.test/\n");
  root.File("home/u/.npmrc", "registry=https://npm.test/\n");
  const auto files = ReadRegistryFiles(root.path(), {root / "home/u"});
  const auto rules = RegistryRules(files);
  EXPECT_THAT(rules, Contains("apt.test:80"));
  EXPECT_THAT(rules, Contains("npm.test:443"));
}

}  // namespace
}  // namespace cove::policy
