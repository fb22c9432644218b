#include "bridge/key_source.h"

#include <sys/stat.h>

#include <algorithm>

#include "log/log.h"

namespace cove::bridge {
namespace {

bool Ended(const ProviderKey& key, WallTime now) {
  return key.expires_at && key.expires_at->micros <= now.micros;
}

}  // namespace

KeySource::KeySource(const Provider& provider, async::ThreadPool& pool)
    : provider_(provider),
      pool_(pool),
      keys_(std::make_shared<const std::vector<ProviderKey>>(provider.keys)),
      ring_(provider.keys.size()) {}

bool KeySource::due(TimePoint now) const {
  if (provider_.key_files.empty()) return false;
  return now >= look_at_ || (renewing_ && Order(now, WallNow()).empty());
}

// A file that is not there has a stamp, too: it may come.
std::vector<KeySource::Stamp> KeySource::StampsOf(const std::vector<std::string>& paths) {
  std::vector<Stamp> out;
  for (const std::string& path : paths) {
    struct stat found{};
    if (::stat(path.c_str(), &found) != 0) found = {};
    constexpr int64_t kNanos = 1'000'000'000;
    out.push_back(
        {found.st_ino, found.st_size, found.st_ctim.tv_sec * kNanos + found.st_ctim.tv_nsec});
  }
  return out;
}

KeySource::Found KeySource::Look(ProviderKind kind, const std::vector<std::string>& paths,
                                 const std::string& where, const Keys& former,
                                 const std::vector<Stamp>& known) {
  Found out;
  // Before they are read: what changes meanwhile is seen the next time.
  out.stamps = StampsOf(paths);
  if (out.stamps != known) out.read = ReadKeyFiles(kind, paths, where, *former);
  return out;
}

async::Task<void> KeySource::Renew() {
  if (renewing_) {
    co_await renewed_.Wait();
    co_return;
  }
  struct Renewing {
    KeySource* source;
    explicit Renewing(KeySource* s) : source(s) { source->renewing_ = true; }
    ~Renewing() {
      source->renewing_ = false;
      source->renewed_.NotifyAll();
    }
  } const renewing(this);
  look_at_ = Now() + kLookEvery;
  const std::string where = "ai.providers." + provider_.name;
  Found found = co_await async::Offload(
      pool_, [kind = provider_.kind, paths = provider_.key_files, where, former = keys_,
              known = stamps_] { return Look(kind, paths, where, former, known); });
  stamps_ = std::move(found.stamps);
  if (!found.read) co_return;
  std::string error = found.read->error ? found.read->error->message() : "";
  // The same stamps may be those of a file that can be read the next time.
  if (!error.empty()) stamps_.clear();
  if (!error.empty() && error != told_) log::Warn("bridge.keys_not_renewed", {{"error", error}});
  told_ = std::move(error);
  if (found.read->keys == *keys_) co_return;
  keys_ = std::make_shared<const std::vector<ProviderKey>>(std::move(found.read->keys));
  ring_ = KeyRing(keys_->size());
  log::Info("bridge.keys_renewed", {{"provider", provider_.name}});
}

std::vector<size_t> KeySource::Order(TimePoint now, WallTime wall) const {
  std::vector<size_t> out = ring_.Order(now);
  std::erase_if(out, [&](size_t key) { return Ended((*keys_)[key], wall); });
  return out;
}

void KeySource::Rest(const Keys& of, size_t key, TimePoint until) {
  if (of == keys_) ring_.Rest(key, until);
}

void KeySource::Wake(const Keys& of, size_t key) {
  if (of == keys_) ring_.Wake(key);
}

}  // namespace cove::bridge
