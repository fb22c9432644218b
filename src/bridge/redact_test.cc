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
           {"eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc", "[redacted]"},
           {"x Zm9v3Qk9xLw2Vb7Yt1Rp5Hs8Nc4Md6Gf0Ja x", "x [redacted] x"},
           {"a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb",
            "a\n[redacted]\nb"},
           {"-----BEGIN PRIVATE KEY-----\nMII", "[redacted]"}}) {
    EXPECT_EQ(Redact(text), want);
  }
}

TEST(RedactTest, OrdinaryTextStays) {
  for (const char* text :
       {"", "Fix the tokenizer: the token count is wrong.", "the password must be long enough",
        "commit 0123456789abcdef0123456789abcdef01234567", "std::basic_string<char> basic usage",
        "https://example.test/a?b=c#d", "sk-short", "export TOKEN=$GITHUB_TOKEN",
        "AVeryLongNameInCode_thatIsNotRandomAtAll2", "-----BEGIN CERTIFICATE-----\nMII",
        "*** Begin Patch\n*** Add File: src/secret.cc\n+int x = 1;\n", "é😀 \xff"}) {
    EXPECT_EQ(Redact(text), text);
  }
}

}  // namespace
}  // namespace cove::bridge
