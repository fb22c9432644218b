// Goal: the decisions of `cove box` that need no sandbox: words, domains, names, credentials, and
// files in a directory that somebody hostile writes. Method: values in and out, a temporary tree.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "base/testing.h"
#include "box/args.h"
#include "box/credentials.h"
#include "box/domains.h"
#include "box/image.h"
#include "box/server_config.h"
#include "box/tree.h"

namespace cove::box {
namespace {

TEST(Args, TheFirstWordThatIsNoneOfOursEndsTheOptions) {
  const auto args = ParseArgs({"--read-only", "a", "--read-only", "b", "-y", "exec", "--yes"});
  ASSERT_TRUE(args) << args.error().message();
  EXPECT_EQ(args->read_only, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(args->yes);
  EXPECT_EQ(args->codex, (std::vector<std::string>{"exec", "--yes"}));
  EXPECT_EQ(ParseArgs({"--", "--config", "x"})->codex.size(), 2u);
  EXPECT_EQ(ParseArgs({"--config", ""}).error().message(),
            "--config flag provided but no file or directory specified.");
}

TEST(Domains, AreMergedOnceEachAndChecked) {
  const auto domains =
      MergeDomains({"# x\n aa.example  OPENAI.com\n\nbb.example", "bb.example cc.ex"});
  ASSERT_TRUE(domains) << domains.error().message();
  ASSERT_EQ(domains->names.size(), 9u);
  EXPECT_EQ(domains->names[6], "aa.example");
  EXPECT_EQ(domains->names[8], "cc.ex");
  EXPECT_EQ(domains->sources, "defaults, allowed_domains.txt, OPENAI_ALLOWED_DOMAINS");
  for (const char* bad : {"x.com", "-a.com", "a.c", "a_b.com", "a.com/", "a.c0m", "*.a.com"}) {
    EXPECT_FALSE(IsDomain(bad)) << bad;
  }
  EXPECT_TRUE(IsDomain("a-b.c.example"));
}

TEST(ImageName, ARegistrysPortIsNoTag) {
  EXPECT_EQ(ParseImageName("host:5000/codex").tag, "");
  EXPECT_EQ(ParseImageName("host:5000/codex:1.2.3").tag, "1.2.3");
  EXPECT_EQ(ParseImageName("codex-sandbox:1").repository, "codex-sandbox");
}

TEST(ReadCredentials, KeepsTheSecretOutOfWhatIsShown) {
  const auto key = ReadCredentials(R"({"OPENAI_API_KEY":"sk-1"})", 0);
  ASSERT_TRUE(key);
  EXPECT_EQ(key->secret, "sk-1");
  EXPECT_EQ(key->inside.find("sk-1"), std::string::npos);
  // {"exp":100}
  const auto login = ReadCredentials(
      R"({"OPENAI_API_KEY":null,"tokens":{"access_token":"h.eyJleHAiOjEwMH0.s","account_id":"a1",)"
      R"("refresh_token":"r1","id_token":"i1"}})",
      101);
  ASSERT_TRUE(login) << login.error().message();
  EXPECT_EQ(login->account, "a1");
  EXPECT_TRUE(login->expired);
  EXPECT_EQ(login->inside.find("r1"), std::string::npos);
  EXPECT_FALSE(ReadCredentials("{}", 0));
  EXPECT_FALSE(ReadCredentials("no", 0));
}

TEST(ServerConfig, SaysOnlyWhatTheBoxMayReach) {
  ServerConfig config;
  config.reach.domains = {"a.example"};
  config.account = "a1";
  const auto text = WriteServerConfig("[policy]\nallow = [\"b.example\"]\n", config);
  ASSERT_TRUE(text) << text.error().message();
  EXPECT_NE(text->find("'a.example', 'b.example'"), std::string::npos) << *text;
  EXPECT_NE(text->find("registries = 'none'"), std::string::npos) << *text;
  EXPECT_NE(text->find("https://chatgpt.com/backend-api/codex"), std::string::npos);
  config.reach.proxy = *ReadProxy({"192.0.2.1", "", "8080"});
  EXPECT_NE(WriteServerConfig("", config)->find("'192.0.2.1/32:8080'"), std::string::npos);
  EXPECT_EQ(WriteServerConfig("", config)->find("a.example"), std::string::npos);
  EXPECT_FALSE(WriteServerConfig("[", config));
  EXPECT_EQ(ReadProxy({"", "2001:db8::1", ""})->Url(), "http://[2001:db8::1]:3128");
  EXPECT_FALSE(ReadProxy({"", "192.0.2.1", ""}));
}

TEST(ServerConfig, AProxyFileIsNoScriptAndWinsOverTheVariables) {
  const auto words = ReadProxyFile("# ours\nPROXY_IP_V4=\"192.0.2.2\"\n\nPROXY_PORT=8080 # there\n",
                                   {"192.0.2.1", "", ""});
  ASSERT_TRUE(words) << words.error().message();
  EXPECT_EQ(ReadProxy(*words)->Url(), "http://192.0.2.2:8080");
  EXPECT_EQ(ReadProxyFile("", {"192.0.2.1", "", ""})->v4, "192.0.2.1");
  for (const char* bad : {"touch /tmp/x", "PATH=/tmp", "PROXY_PORT"}) {
    EXPECT_FALSE(ReadProxyFile(bad, {})) << bad;
  }
  EXPECT_FALSE(ReadProxy(*ReadProxyFile("PROXY_IP_V4=$(id)\n", {})));
}

TEST(ServerConfig, AProviderIsTheOperatorsToName) {
  EXPECT_TRUE(HasProvider("[ai.providers.anthropic]\nkind = \"anthropic\"\n", "anthropic"));
  EXPECT_FALSE(HasProvider("[ai.providers.openai]\nkind = \"openai\"\n", "anthropic"));
  EXPECT_FALSE(HasProvider("", "anthropic"));
}

TEST(ServerConfig, ResolversAreNamedByAddress) {
  EXPECT_TRUE(CheckResolvers("# x\noptions timeout:1\nnameserver 192.0.2.53\n"));
  EXPECT_TRUE(CheckResolvers("nameserver\t2001:db8::53"));
  for (const char* bad : {"", "search example.org\n", "nameserver dns.example\n"}) {
    EXPECT_FALSE(CheckResolvers(bad)) << bad;
  }
}

class TreeTest : public ::testing::Test {
 protected:
  TempDir dir_;
};

TEST_F(TreeTest, NoLinkOfTheProjectIsFollowed) {
  const auto tree = Tree::Open(dir_.path());
  ASSERT_TRUE(tree);
  ASSERT_TRUE(tree->MakeDir("a/b", 0755));
  ASSERT_TRUE(tree->Write("a/b/f", "text", 0600));
  EXPECT_EQ(*tree->Read("a/b/f"), "text");
  std::filesystem::create_symlink("/etc", dir_ / "etc");
  std::filesystem::create_symlink("/etc/passwd", dir_ / "passwd");
  EXPECT_FALSE(tree->Read("etc/passwd"));
  EXPECT_FALSE(tree->Read("passwd"));
  EXPECT_FALSE(tree->Stat("passwd"));
  EXPECT_FALSE(tree->MakeDir("etc/x", 0755));
  EXPECT_FALSE(ReadHostFile(dir_ / "passwd", *tree));
  EXPECT_FALSE(OpenHostDir(dir_ / "etc", *tree));
  // A new file takes the link's place; what it led to stays.
  ASSERT_TRUE(tree->Write("passwd", "mine", 0600));
  EXPECT_TRUE(std::filesystem::is_regular_file(std::filesystem::symlink_status(dir_ / "passwd")));
  EXPECT_FALSE(tree->Read("../etc/passwd"));
}

TEST_F(TreeTest, PathsAreComparedByComponents) {
  EXPECT_TRUE(IsWithin("/a/b", "/a"));
  EXPECT_FALSE(IsWithin("/ab", "/a"));
  EXPECT_EQ(RelativeTo("/a/b/c", "/a"), "b/c");
  EXPECT_EQ(RelativeTo("/a", "/a"), "");
}

}  // namespace
}  // namespace cove::box
