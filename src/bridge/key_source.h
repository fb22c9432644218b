// KeySource: the keys of a provider that are in force, and in which order they are tried. Those
// that stand in files are read again when a file has changed: it is looked for at a call, at most
// every kLookEvery, so a key is exchanged without a restart and those that end (a role's of AWS)
// are renewed. A file that cannot be read then, is no key or is empty leaves its own former key in
// force, and is read again at each look until it is one. Thread:
// loop-confined; files are read on the pool, which must outlive the object.
#pragma once

#include <sys/types.h>

#include "async/offload.h"
#include "bridge/key_ring.h"
#include "bridge/provider_keys.h"

namespace cove::bridge {

class KeySource {
 public:
  static constexpr Duration kLookEvery = seconds(1);
  using Keys = std::shared_ptr<const std::vector<ProviderKey>>;

  // The provider must outlive the object.
  KeySource(const Provider& provider, async::ThreadPool& pool);

  // Whether Renew() is to be awaited before keys() is used for a call.
  bool due(TimePoint now) const;
  async::Task<void> Renew();

  const Keys& keys() const { return keys_; }
  // Of keys(): those that have not ended, in the order to be tried.
  std::vector<size_t> Order(TimePoint now, WallTime wall) const;
  // Said of one of `of`: nothing happens when others are in force by now.
  void Rest(const Keys& of, size_t key, TimePoint until);
  void Wake(const Keys& of, size_t key);

 private:
  // What tells whether a file is another one.
  struct Stamp {
    ino_t file = 0;
    off_t size = 0;
    int64_t changed = 0;  // ctime: also when it has become readable
    bool operator==(const Stamp&) const = default;
  };
  struct Found {
    std::vector<Stamp> stamps;
    std::optional<FileKeys> read;  // none: nothing has changed
  };
  static Found Look(ProviderKind kind, const std::vector<std::string>& paths,
                    const std::string& where, const Keys& former, const std::vector<Stamp>& known);
  static std::vector<Stamp> StampsOf(const std::vector<std::string>& paths);

  const Provider& provider_;
  async::ThreadPool& pool_;
  Keys keys_;
  KeyRing ring_;
  std::vector<Stamp> stamps_;  // empty: they are read at the next look, whatever theirs are
  std::string told_;           // the last error, which is logged once
  TimePoint look_at_{};
  bool renewing_ = false;  // by one call; others wait for it if they have no key
  async::Event renewed_;
};

}  // namespace cove::bridge
