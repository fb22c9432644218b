// Keys: API keys and what they prove.
//
// A key is "cove_" and 64 random hex digits. Only its SHA-256 is stored; the key itself is shown
// once, when it is made. All keys are kept in memory as well, so that verifying one never waits.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "identity/caller.h"
#include "store/store.h"

namespace cove::identity {

using async::Task;

struct KeyInfo {
  std::string id;  // a UUID
  OrgId org;
  std::string user;
  std::string name;  // unique in its organisation
  Role role = Role::kMember;
  std::vector<std::string> scopes;
  std::string masked;  // "cove_1a…9f": enough to recognise it, useless to guess it
  WallTime created_at;
  std::optional<WallTime> last_used_at;
  std::optional<WallTime> expires_at;
};

struct KeyRequest {
  OrgId org;
  std::string user;
  std::string name;
  Role role = Role::kMember;
  std::vector<std::string> scopes;
  std::optional<WallTime> expires_at;
};

struct NewKey {
  KeyInfo info;
  std::string secret;  // the key itself; never log or store it
};

struct AdminSeed {
  bool generated = false;  // then it was written to the file, mode 0600
};

class Keys {
 public:
  static Task<Result<std::unique_ptr<Keys>>> Open(store::Store& store);

  // kUnauthenticated unless `bearer` is a key that has not expired. Takes the same time for every
  // wrong key. Does not wait.
  Result<Caller> Verify(std::string_view bearer);

  Task<Result<NewKey>> Create(KeyRequest request);
  std::vector<KeyInfo> List(const OrgId& org) const;
  std::optional<KeyInfo> Find(const OrgId& org, std::string_view id_or_name) const;
  // That of this id, as long as it has not expired.
  std::optional<KeyInfo> FindValid(const OrgId& org, std::string_view id) const;
  // kNotFound; kConflict for the last admin key, which would lock everybody out.
  Task<Result<void>> Delete(OrgId org, std::string id_or_name);

  // Makes `key` the admin key (in place of the one seeded before); or, when `key` is empty and no
  // admin key exists yet, makes one and writes it to `file`.
  Task<Result<AdminSeed>> SeedAdmin(std::string key, std::string file);

  // Writes the last-used times that changed; called from time to time and at the end.
  Task<Result<void>> FlushUse();

 private:
  struct Entry {
    KeyInfo info;
    std::string hash;  // hex
    bool use_changed = false;
  };
  explicit Keys(store::Store& store) : store_(store) {}
  // kSeed replaces a key of the same name.
  enum class Origin { kRequest, kSeed };
  Task<Result<NewKey>> Insert(KeyRequest request, std::string secret, Origin origin);
  store::Store& store_;
  std::map<std::string, Entry, std::less<>> by_hash_;
};

extern const store::Migrations kMigrations;

}  // namespace cove::identity
