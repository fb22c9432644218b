// Goal: a command without a shell is the same as with one, and everything that needs a shell gets
// one. Method: texts of both kinds; the same texts run in both ways by a standalone toolbox.
#include "toolbox/plain_command.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "base/text.h"
#include "toolbox/testing.h"

namespace cove::toolbox {
namespace {

using ::testing::ElementsAre;

TEST(PlainWordsTest, TakesWordsThatAShellWouldOnlyExecute) {
  const auto words = PlainWords("  npm\trun  build:all -- --a=b,c %1 ./x/../y @s/p+q ", {});
  ASSERT_TRUE(words);
  EXPECT_THAT(*words,
              ElementsAre("npm", "run", "build:all", "--", "--a=b,c", "%1", "./x/../y", "@s/p+q"));
  EXPECT_TRUE(PlainWords("echo x", {"PATH=/bin", "HOME=/"}));
  EXPECT_TRUE(PlainWords("/usr/bin/printf a", {}));
}

TEST(PlainWordsTest, LeavesToAShellWhatAShellReads) {
  for (const char* text : {"",         " ",          "echo $A",       "ls *",     "ls ?",
                           "ls [a]",   "a|b",        "a;b",           "a&",       "a>b",
                           "a<b",      "(a)",        "{a,b}",         "echo 'a'", "echo \"a\"",
                           "echo `a`", "echo a\\ b", "ls ~",          "a\nb",     "A=b",
                           "A=b env",  "! a",        "echo a#b",      "a^b",      "caf\xc3\xa9",
                           "-a",       "echo -n a",  "echo a --help", "true x",   "cd /",
                           "if a",     "test a",     "kill 1",        "exec ls",  "time ls",
                           "printf a", "pwd",        "[ a ]",         "[[ a ]]"}) {
    EXPECT_FALSE(PlainWords(text, {})) << text;
  }
}

TEST(PlainWordsTest, LeavesToAShellWhatItsVariablesChange) {
  for (const char* variable :
       {"BASH_ENV=/x", "BASH_FUNC_ls%%=() { :; }", "SHELLOPTS=xtrace", "BASHOPTS=x",
        "POSIXLY_CORRECT=1", "PWD=/", "_=x", "SHLVL=3", "LC_ALL=C", "SSH_CLIENT=a"}) {
    EXPECT_FALSE(PlainWords("ls", {"A=b", variable})) << variable;
  }
}

// The order of variables is the shell's hash table's.
std::vector<std::string> SortedLines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string_view line : Split(text, '\n')) lines.emplace_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

TEST(PlainWordsTest, NoProgramGoesBeforeABuiltin) {
  EXPECT_THAT(PlacesOf("echo", {"PATH=/x:/bin"}), ElementsAre("/bin/echo", "/usr/bin/echo"));
  EXPECT_THAT(PlacesOf("npm", {"PATH=/x:/bin"}), ElementsAre("/x/npm", "/bin/npm"));
}

class PlainCommandTest : public ToolboxTest {};

TEST_F(PlainCommandTest, IsTheSameAsThroughAShell) {
  ASSERT_TRUE(Get(client_->Configure({{"A", "1"}})));
  Shell(
      "mkdir -p .local/bin; printf 'echo ran $0 $1' >.local/bin/noshebang; "
      "chmod 755 .local/bin/noshebang; printf x >.local/bin/notexec; ln -s .local link");
  Shell(
      "mkdir d1 d2; printf '#!/no/such\\n' >d1/dead; printf '#!/bin/sh\\necho second' >d2/dead; "
      "cp d2/dead d2/notexec; cp d2/dead d1/echo; mkdir d1/folder; cp d2/dead d2/folder; "
      "printf x >d1/notexec; chmod 755 d1/dead d2/* d1/echo");
  const std::string path = home_ + "/d1:" + home_ + "/d2:" + home_ + "/.local/bin:/usr/bin:/bin";
  for (const char* text :
       {"dead", "folder", "env", "echo a  b", "true", "false", "noshebang 1", "notexec", "/tmp",
        "no-such-program-here a", "readlink /proc/self/exe", "ls -d link"}) {
    for (const char* cwd : {"", "link", "/"}) {
      ExecRequest plain;
      plain.command = text;
      plain.cwd = cwd;
      plain.env = {{"PATH", path}};
      ExecRequest shell;
      shell.argv = {"/bin/bash", "-c", text};
      shell.cwd = cwd;
      shell.env = plain.env;
      const ExecOutput a = Run(plain);
      const ExecOutput b = Run(shell);
      EXPECT_EQ(SortedLines(a.out), SortedLines(b.out)) << text << " in " << cwd;
      EXPECT_EQ(a.err, b.err) << text << " in " << cwd;
      EXPECT_EQ(a.status.code, b.status.code) << text << " in " << cwd;
      EXPECT_EQ(a.status.reason, b.status.reason) << text << " in " << cwd;
    }
  }
}

}  // namespace
}  // namespace cove::toolbox
