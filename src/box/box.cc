#include "box/box.h"

#include <csignal>
#include <cstdio>

#include "box/consent.h"
#include "box/say.h"
#include "box/session.h"

namespace cove::box {
namespace {

int Fail(const Error& error) {
  if (error.message() == kAborting) {
    std::fprintf(stderr, "%s\n", kAborting);
  } else {
    Tell("Error: ", error.message());
  }
  return 1;
}

}  // namespace

int BoxMain(const std::vector<std::string>& words) {
  std::signal(SIGPIPE, SIG_IGN);
  auto args = ParseArgs(words);
  if (!args) return Fail(args.error());
  if (args->help) {
    std::fputs(kUsage, stdout);
    return 0;
  }
  const World world = ThisWorld();
  auto prepared = Prepare(*std::move(args), world);
  if (!prepared) return Fail(prepared.error());
  async::Loop loop;
  async::Signals signals({SIGINT, SIGTERM, SIGHUP, SIGWINCH});
  const auto code = loop.RunUntil(RunSession(*prepared, world, signals));
  return code ? *code : Fail(code.error());
}

}  // namespace cove::box
