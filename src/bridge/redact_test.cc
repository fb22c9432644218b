// Goal: what looks like a secret is not kept, and ordinary text and code stay as they are.
// Method: texts with made-up secrets of each form, and texts that only resemble them.
#include "bridge/redact.h"

#include <gtest/gtest.h>

namespace cove::bridge {
namespace {

TEST(RedactTest, SecretsGo) {
  for (const auto& [text, want] : std::initializer_list<std::pair<const char*, const char*>>{
           {"use sk-proj-abcdefghijklmnop1234 now", "use [redacted] now"},
           {"key AKIAABCDEFGHIJKLMNOP.", "key [redacted]"},
           {"git clone https://bob:hunter2@git.test/x",
            "git clone https://bob:[redacted]@git.test/x"},
           {"curl -H \"Authorization: Bearer abc123def456\"",
            "curl -H \"Authorization: Bearer [redacted]\""},
           {R"({"cmd":"export DB_PASSWORD=correct-horse && run"})",
            R"({"cmd":"export DB_PASSWORD=[redacted] && run"})"},
           {R"({\"api_key\": \"abcdef\"})", R"({\"api_key\": \"[redacted]\"})"},
           {"password: Tr0ub4dor&3", "password: [redacted]&3"},
           {"TOKEN='abcdefgh'", "TOKEN='[redacted]'"},
           {"AWS_SECRET_ACCESS_KEY=wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY x",
            "AWS_SECRET_ACCESS_KEY=[redacted] x"},
           {"aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "aws_secret_access_key = [redacted]"},
           {"it is wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY.", "it is [redacted]."},
           {"mysql --password x -h db", "mysql --password [redacted] -h db"},
           {"tool --api-key 'a b c'", "tool --api-key '[redacted]'"},
           {"tool --token=abcdef/gh", "tool --token=[redacted]"},
           {"curl -u admin:s3cret https://x.test", "curl -u admin:[redacted] https://x.test"},
           {"curl --user 'a:b' x", "curl --user 'a:[redacted]' x"},
           {"Cookie: session=abc; theme=dark\nHost: x", "Cookie: [redacted]\nHost: x"},
           {R"(-H "Set-Cookie: sid=1" -v)", R"(-H "Set-Cookie: [redacted]" -v)"},
           {R"({"Cookie": "a=b", "x": 1})", R"({"Cookie": "[redacted]", "x": 1})"},
           {"AccountName=a;AccountKey=Zm9v/3Qk9+Lw==;EndpointSuffix=e",
            "AccountName=a;AccountKey=[redacted];EndpointSuffix=e"},
           {"key=0123456789abcdef0123456789abcdef01234567", "key=[redacted]"},
           {R"(db_password="s3cr\"et99" x)", R"(db_password="[redacted]" x)"},
           {R"({\"password\": \"a\\\"b c d\", \"x\": 1})",
            R"({\"password\": \"[redacted]\", \"x\": 1})"},
           {R"({"password": "correct horse battery", "x": ""})",
            R"({"password": "[redacted]", "x": ""})"},
           {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "[redacted]"},
           {"x Zm9v3Qk9xLw2Vb7Yt1Rp5Hs8Nc4Md6Gf0Ja x", "x [redacted] x"},
           {"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb",
            "a\n[redacted]\nb"},
           {"-----BEGIN PRIVATE KEY-----\nMII", "[redacted]"}}) {
    EXPECT_EQ(Redact(text), want);
  }
}

TEST(RedactTest, OrdinaryTextStays) {
  for (const char* text : {"",
                           "Fix the tokenizer: the token count is wrong.",
                           "the password must be long enough",
                           "commit 0123456789abcdef0123456789abcdef01234567",
                           "std::basic_string<char> basic usage",
                           "https://example.test/a?b=c#d",
                           "sk-short",
                           "export TOKEN=$GITHUB_TOKEN",
                           "docker run -u 1000:1000 --user 0:0 x",
                           "the key: value pairs",
                           "a --token-file b",
                           R"({"password": "", "key": "a longer text than any key is"})",
                           "Cookie: a sweet thing",
                           "monkey = 1; sortKey=created_at_of_the_newest_row",
                           "password:\n  not here at all",
                           "src/bridge/AnswerReader/OneTwoThree/file",
                           "a=b=c",
                           "curl -u \"$USER:$PASSWORD\"",
                           "AVeryLongNameInCode_thatIsNotRandomAtAll2",
                           "-----BEGIN CERTIFICATE-----\nMII",
                           "*** Begin Patch\n*** Add File: src/secret.cc\n+int x = 1;\n",
                           "é😀 \xff"}) {
    EXPECT_EQ(Redact(text), text);
  }
}

}  // namespace
}  // namespace cove::bridge
