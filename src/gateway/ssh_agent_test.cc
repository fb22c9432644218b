// Goal: a signature is made for logging in to the one host that proved itself in that session, and
// for nothing else. Method: both sides of the protocol in memory, with keys that ssh-keygen made;
// each test changes one thing of a conversation that works.
#include "gateway/ssh_agent.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gateway/ssh_wire.h"

namespace cove::gateway {
namespace {

using ::testing::HasSubstr;

constexpr char kKey[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACABEWpyCIf10p2j7wsqcgQ6QMPGbRo0dg1D25vLafqcGgAAAIiKRqzaikas\n"
    "2gAAAAtzc2gtZWQyNTUxOQAAACABEWpyCIf10p2j7wsqcgQ6QMPGbRo0dg1D25vLafqcGg\n"
    "AAAECBNYWv4mkc7tiAwHMNqhIKJslV18oUKSGB1PXMKLJvQgERanIIh/XSnaPvCypyBDpA\n"
    "w8ZtGjR2DUPbm8tp+pwaAAAABHRlc3QB\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
constexpr char kHostKey[] =
    "-----BEGIN OPENSSH PRIVATE KEY-----\n"
    "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZW\n"
    "QyNTUxOQAAACArjVFnMr9FIWLFEjmKkeZTiFrPi2pvvPVhXTxslHZoqgAAAIgeWZqOHlma\n"
    "jgAAAAtzc2gtZWQyNTUxOQAAACArjVFnMr9FIWLFEjmKkeZTiFrPi2pvvPVhXTxslHZoqg\n"
    "AAAEBBbU1nG4mY2adlyMpymGEaUzffj3k8aj/nCKIclmaPESuNUWcyv0UhYsUSOYqR5lOI\n"
    "Ws+Lam+89WFdPGyUdmiqAAAABGhvc3QB\n"
    "-----END OPENSSH PRIVATE KEY-----\n";
constexpr char kHostBound[] = "publickey-hostbound-v00@openssh.com";
const std::string kFailure(1, 5);
const std::string kSuccess(1, 6);

class SshAgentTest : public ::testing::Test {
 protected:
  SshAgentTest() {
    identities_.push_back({"deploy", "git.test", "git", host_.public_blob(), key_, true});
  }
  std::string Bind(const SshKey& host, const std::string& session, char forwarding = 0) {
    return agent_
        .Handle(std::string(1, 27) + SshText("session-bind@openssh.com") +
                    SshText(host.public_blob()) + SshText(session) + SshText(*host.Sign(session)) +
                    forwarding,
                identities_)
        .reply;
  }
  std::string Login(const std::string& session, const std::string& user = "git",
                    const std::string& method = "publickey") const {
    std::string out = SshText(session) + std::string(1, 50) + SshText(user) +
                      SshText("ssh-connection") + SshText(method) + std::string(1, 1) +
                      SshText("ssh-ed25519") + SshText(key_.public_blob());
    if (method == kHostBound) out += SshText(host_.public_blob());
    return out;
  }
  SshAgent::Answer Sign(const std::string& data) {
    return agent_.Handle(
        std::string(1, 13) + SshText(key_.public_blob()) + SshText(data) + SshNumber(0),
        identities_);
  }
  // Whether what came back is a signature of ours over that.
  bool Signed(const SshAgent::Answer& answer, const std::string& data) const {
    SshReader in(answer.reply);
    return answer.signer != nullptr && in.Byte() == 14 &&
           SshVerify(key_.public_blob(), data, in.Text()) && in.Complete();
  }

  const SshKey key_ = *SshKey::Parse(kKey);
  const SshKey host_ = *SshKey::Parse(kHostKey);
  std::vector<SshIdentity> identities_;
  SshAgent agent_;
};

TEST_F(SshAgentTest, ALoginOnTheHostThatProvedItselfIsSigned) {
  const auto list = agent_.Handle(std::string(1, 11), identities_);
  EXPECT_EQ(list.reply,
            std::string(1, 12) + SshNumber(1) + SshText(key_.public_blob()) + SshText("deploy"));
  EXPECT_EQ(Bind(host_, "session"), kSuccess);
  for (const char* method : {"publickey", kHostBound}) {
    const std::string data = Login("session", "git", method);
    EXPECT_TRUE(Signed(Sign(data), data)) << method;
  }
}

TEST_F(SshAgentTest, WithoutAConnectionToThatHostNothingIsSigned) {
  identities_[0].spoken_to = false;
  Bind(host_, "session");
  const auto answer = Sign(Login("session"));
  EXPECT_EQ(answer.reply, kFailure);
  EXPECT_THAT(answer.refused, HasSubstr("no connection"));
}

TEST_F(SshAgentTest, WithoutABoundSessionNothingIsSigned) {
  const auto answer = Sign(Login("session"));
  EXPECT_EQ(answer.reply, kFailure);
  EXPECT_THAT(answer.refused, HasSubstr("not bound"));
}

TEST_F(SshAgentTest, AnotherSessionIsNotSigned) {
  Bind(host_, "session");
  EXPECT_EQ(Sign(Login("another")).reply, kFailure);
}

TEST_F(SshAgentTest, AHostWithAnotherKeyGetsNothing) {
  EXPECT_EQ(Bind(key_, "session"), kSuccess);
  const auto answer = Sign(Login("session"));
  EXPECT_EQ(answer.reply, kFailure);
  EXPECT_THAT(answer.refused, HasSubstr("no secret"));
}

TEST_F(SshAgentTest, AProofThatIsNotTheHostsIsRefusedForGood) {
  const std::string forged = std::string(1, 27) + SshText("session-bind@openssh.com") +
                             SshText(host_.public_blob()) + SshText("session") +
                             SshText(*key_.Sign("session")) + '\0';
  EXPECT_EQ(agent_.Handle(forged, identities_).reply, kFailure);
  EXPECT_EQ(Bind(host_, "session"), kFailure);
  EXPECT_EQ(Sign(Login("session")).reply, kFailure);
}

TEST_F(SshAgentTest, AForwardedOrSecondSessionEndsIt) {
  EXPECT_EQ(Bind(host_, "session", 1), kFailure);
  EXPECT_EQ(Sign(Login("session")).reply, kFailure);
  agent_ = {};
  EXPECT_EQ(Bind(host_, "session"), kSuccess);
  EXPECT_EQ(Bind(host_, "behind"), kFailure);
  EXPECT_EQ(Sign(Login("session")).reply, kFailure);
  EXPECT_EQ(Sign(Login("behind")).reply, kFailure);
}

TEST_F(SshAgentTest, AnotherUserOrKeyIsNotSignedFor) {
  Bind(host_, "session");
  EXPECT_EQ(Sign(Login("session", "root")).reply, kFailure);
  identities_.clear();
  EXPECT_EQ(Sign(Login("session")).reply, kFailure);
}

TEST_F(SshAgentTest, OnlyLoginRequestsAreSigned) {
  Bind(host_, "session");
  const std::string good = Login("session");
  std::string other_service = good;
  other_service.replace(other_service.find("ssh-connection"), 14, "ssh-connectiox");
  for (const std::string& data :
       {std::string("SSHSIG"), std::string(), good + "x", good.substr(0, good.size() - 1),
        other_service, Login("session", "git", "hostbased")}) {
    const auto answer = Sign(data);
    EXPECT_EQ(answer.reply, kFailure);
    EXPECT_THAT(answer.refused, HasSubstr("not a login request"));
  }
}

TEST_F(SshAgentTest, WhatItDoesNotKnowFails) {
  for (const std::string& request :
       {std::string(), std::string(1, 17), std::string(1, 19), std::string("\x0bx"),
        std::string(1, 27) + SshText("other@openssh.com")}) {
    EXPECT_EQ(agent_.Handle(request, identities_).reply, kFailure);
  }
}

TEST(SshKeyTest, WhatIsNoKeySaysWhyAndNothingOfIt) {
  const std::string good = kKey;
  const std::string cut = good.substr(0, 120) + good.substr(140);
  for (const std::string& text : {std::string("secret-stuff"), cut, good.substr(0, 100)}) {
    const auto parsed = SshKey::Parse(text);
    ASSERT_FALSE(parsed);
    EXPECT_THAT(parsed.error().message(), HasSubstr("ssh-keygen -t ed25519"));
    EXPECT_THAT(parsed.error().message(), ::testing::Not(HasSubstr("secret-stuff")));
  }
}

TEST(SshKeyTest, ASecretIsForEachOfItsHosts) {
  Credential one;
  one.name = "deploy";
  one.value = kKey;
  one.header = *CredentialHeader::Parse(
      "ssh git ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICuNUWcyv0UhYsUSOYqR5lOIWs+Lam+89WFdPGyUdmiq");
  for (const char* host : {"git.test", "ssh.git.test"}) {
    one.scope.rules.push_back(*policy::ParseRule(host, policy::Layer::kNone));
  }
  auto vault = std::make_shared<Vault>();
  (*vault)["deploy"] = std::make_shared<const Credential>(std::move(one));
  const Credentials credentials(vault, {"deploy"});
  for (const char* host : {"git.test", "ssh.git.test"}) {
    const auto identities = SshIdentitiesOf(credentials, {"other.test", host});
    ASSERT_EQ(identities.size(), 1u);
    EXPECT_TRUE(identities[0].spoken_to) << host;
    EXPECT_EQ(identities[0].host, host);
  }
  EXPECT_FALSE(SshIdentitiesOf(credentials, {"other.test"})[0].spoken_to);
}

TEST(SshKeyTest, ASecretOfThatKindIsForNoRequest) {
  const std::string blob = "AAAAC3NzaC1lZDI1NTE5AAAAICuNUWcyv0UhYsUSOYqR5lOIWs+Lam+89WFdPGyUdmiq";
  const auto header = CredentialHeader::Parse("ssh git ssh-ed25519 " + blob);
  ASSERT_TRUE(header) << header.error().message();
  EXPECT_EQ(header->host_key, SshKey::Parse(kHostKey)->public_blob());
  for (const char* bad : {"ssh", "ssh git", "ssh git ssh-rsa AAAA", "ssh git ssh-ed25519 AAAA"}) {
    EXPECT_FALSE(CredentialHeader::Parse(bad)) << bad;
  }
  Credential one;
  one.name = "deploy";
  one.placeholder = "dtn_secret_x";
  one.value = kKey;
  one.header = *header;
  one.scope.rules.push_back(*policy::ParseRule("git.test", policy::Layer::kNone));
  auto vault = std::make_shared<Vault>();
  (*vault)["deploy"] = std::make_shared<const Credential>(one);
  const Credentials credentials(vault, {"deploy"});
  EXPECT_FALSE(credentials.Concern("git.test", 443));
  const std::vector<std::string> by_rule = {"deploy"};
  CredentialQuestion question;
  question.host = "git.test";
  question.port = 443;
  question.method = "GET";
  question.target = "/";
  EXPECT_TRUE(credentials.For(question)->empty());
  question.by_rule = &by_rule;
  EXPECT_FALSE(credentials.For(question));
  ASSERT_EQ(SshIdentitiesOf(credentials, {"git.test"}).size(), 1u);
  EXPECT_EQ(SshIdentitiesOf(credentials, {"git.test"})[0].user, "git");
  EXPECT_TRUE(SshIdentitiesOf(credentials, {"git.test"})[0].spoken_to);
  EXPECT_FALSE(SshIdentitiesOf(credentials, {"other.test"})[0].spoken_to);
}

}  // namespace
}  // namespace cove::gateway
