// Goal: a turn reads well, and nothing from inside a sandbox can drive the terminal.
// Method: lines as Codex 0.169 wrote them, shown into a string.
#include "agents/turn_view.h"

#include <gtest/gtest.h>

#include "agents/codex_config.h"
#include "agents/markdown.h"

namespace cove::agents {
namespace {

std::string Show(std::string_view line, Color color = Color::kNever) {
  std::string out;
  TurnView view(Style(color), "/home/daytona", [&out](std::string_view text) { out += text; });
  auto event = ParseCodexEvent(line);
  if (event) view.Show(*event);
  return out;
}

TEST(TurnViewTest, ACommandThatWorkedHasACheckMark) {
  EXPECT_EQ(Show(R"({"type":"item.completed","item":{"type":"command_execution",)"
                 R"("command":"/bin/bash -lc 'ls -a'","aggregated_output":"x","exit_code":0,)"
                 R"("status":"completed"}})"),
            "  ✓ ls -a\n");
}

TEST(TurnViewTest, ACommandThatFailedShowsItsCodeAndLastLines) {
  EXPECT_EQ(Show(R"({"type":"item.completed","item":{"type":"command_execution",)"
                 R"("command":"/bin/bash -lc false","aggregated_output":"one\ntwo\n",)"
                 R"("exit_code":1,"status":"failed"}})"),
            "  ✗ false (exit 1)\n      one\n      two\n");
}

TEST(TurnViewTest, FilesAreNamedFromTheHome) {
  EXPECT_EQ(Show(R"({"type":"item.completed","item":{"type":"file_change","status":"completed",)"
                 R"("changes":[{"path":"/home/daytona/a.mjs","kind":"add"},)"
                 R"({"path":"/etc/b","kind":"update"}]}})"),
            "  ✓ added a.mjs\n  ✓ changed /etc/b\n");
}

TEST(TurnViewTest, ControlCharactersOfTheSandboxAreDropped) {
  const std::string shown = Show(
      R"({"type":"item.completed","item":{"type":"command_execution","command":"a\u001b]0;x\u0007b",)"
      R"("aggregated_output":"\u001b[2J\u009bm","exit_code":2}})");
  EXPECT_EQ(shown.find('\x1b'), std::string::npos);
  EXPECT_EQ(shown.find('\x07'), std::string::npos);
  EXPECT_EQ(shown.find("\xc2\x9b"), std::string::npos);
  EXPECT_NE(shown.find("a]0;xb"), std::string::npos);
}

TEST(TurnViewTest, NoiseAndUnknownEventsShowNothing) {
  EXPECT_EQ(Show("Reading prompt from stdin..."), "");
  EXPECT_EQ(Show(R"({"type":"item.completed","item":{"type":"later_invention"}})"), "");
  EXPECT_EQ(Show(R"({"type":"item.completed"})"), "");
}

TEST(TurnViewTest, AProvidersErrorIsShownAsItsMessageAndOnce) {
  std::string out;
  TurnView view(Style(Color::kNever), "", [&out](std::string_view text) { out += text; });
  view.Show(*ParseCodexEvent(
      R"({"type":"error","message":"{\"error\":{\"message\":\"no key\",\"code\":null}}"})"));
  view.Show(*ParseCodexEvent(
      R"({"type":"turn.failed","error":{"message":"{\"error\":{\"message\":\"no key\"}}"}})"));
  EXPECT_EQ(out, "  ! no key\n\nThe turn failed\n");
}

TEST(TurnViewTest, UsageIsThatOfTheTurn) {
  std::string out;
  TurnView view(Style(Color::kNever), "", [&out](std::string_view text) { out += text; });
  view.ShowUsage({50000, 40000, 900}, {113500, 100000, 1500}, milliseconds(2340));
  EXPECT_EQ(out, "63.5k tokens in (60.0k cached), 600 out · 2.3 s\n");
}

TEST(UnwrapShellTest, GivesTheCommandAsWritten) {
  EXPECT_EQ(UnwrapShell("/bin/bash -lc 'echo '\\''a b'\\'''"), "echo 'a b'");
  EXPECT_EQ(UnwrapShell("/bin/bash -lc \"echo \\$HOME\""), "echo $HOME");
  EXPECT_EQ(UnwrapShell("/bin/bash -lc ls"), "ls");
  EXPECT_EQ(UnwrapShell("python3 x.py"), "python3 x.py");
}

TEST(MarkdownTest, PlainOutputIsWhatTheAgentWrote) {
  EXPECT_EQ(RenderMarkdown("# T\n**b** `c`", Style(Color::kNever)), "# T\n**b** `c`\n");
}

TEST(MarkdownTest, StylesWhatAgentsUse) {
  const Style style(Color::kAlways);
  EXPECT_EQ(RenderMarkdown("## T\n\n- **b** and `c*d`\n```sh\n**x**\n```\na*b*c [t](u)", style),
            style.Bold("T") + "\n\n• " + style.Bold("b") + " and " + style.Code("c*d") + "\n    " +
                style.Code("**x**") + "\na*b*c " + style.Bold("t") + " (u)\n");
}

TEST(MarkdownTest, MarksThatAreNoMarksStay) {
  const Style style(Color::kAlways);
  for (const char* text : {"2 * 3 * 4", "a ` b", "** x", "[x] todo", "*"}) {
    EXPECT_EQ(RenderMarkdown(text, style), std::string(text) + "\n");
  }
}

TEST(CodexConfigTest, NamesTheGatewayAndHasNoPlaceholderLeft) {
  const std::string script = CodexInstallScript();
  EXPECT_NE(script.find("http://models.cove/openai/v1"), std::string::npos);
  EXPECT_NE(script.find("@openai/codex@0."), std::string::npos);
  EXPECT_EQ(script.find("VERSION"), std::string::npos);
  EXPECT_EQ(script.find("CONFIG"), std::string::npos);
  EXPECT_EQ(CodexSnapshotName(), CodexSnapshotName());
}

}  // namespace
}  // namespace cove::agents
