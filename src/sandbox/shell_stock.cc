#include "sandbox/shell_stock.h"

#include "log/log.h"

namespace cove::sandbox {
namespace {

// After a start comes its first command, as a rule: that goes first.
constexpr auto kGiveWay = milliseconds(2);
constexpr auto kRetry = seconds(1);

}  // namespace

ShellStock::ShellStock(const LaunchKit& kit, size_t size) : kit_(kit), size_(size) {
  if (size_ > 0) filler_.Spawn(Fill());
}

Result<Shell> ShellStock::Take() {
  while (!shells_.empty()) {
    Shell shell = std::move(shells_.front());
    shells_.pop_front();
    changed_.NotifyAll();
    if (shell.Waits()) return shell;
    log::Warn("shell.died", {{"pid", shell.pid()}, {"why", shell.LastWords()}});
  }
  return Shell::Make(kit_);
}

async::Task<void> ShellStock::Fill() {
  for (;;) {
    while (shells_.size() >= size_ || starts_ > 0) co_await changed_.Wait();
    co_await async::Sleep(kGiveWay);
    if (starts_ > 0) continue;
    auto made = Shell::Make(kit_);
    if (made) {
      shells_.push_back(*std::move(made));
      continue;
    }
    log::Warn("shell.not_made", {{"why", made.error().message()}});
    co_await async::Sleep(kRetry);
  }
}

}  // namespace cove::sandbox
