// Secrets of organisations: values that requests of sandboxes may carry, which the gateway adds.
//
// A value is written once and never given out again by the API; at rest it is sealed (seal.h) with
// the key in `secrets.key`, so that the database alone, or a copy of it, tells nothing. All are
// kept open in the front's memory, so that looking one up never waits.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>

#include "identity/seal.h"
#include "store/store.h"

namespace cove::identity {

using async::Task;

// Where a secret may go. Whoever makes the gateway's form of it (front) says what each text may be.
struct SecretBinding {
  std::vector<std::string> hosts;    // "api.example.com", "*.example.com", "example.com:8443"
  std::vector<std::string> methods;  // empty: any
  std::vector<std::string> paths;    // empty: any
  std::vector<std::string> places;   // of "header", "query", "body"; empty: all
  // "", "bearer", "basic USER", "field NAME", "ssh USER ssh-ed25519 HOSTKEY"
  std::string header;
};

struct SecretInfo {
  std::string id;  // a UUID
  OrgId org;
  std::string name;  // unique in its organisation
  std::string description;
  std::string placeholder;  // "dtn_secret_…": what sandboxes have in its stead
  SecretBinding binding;
  WallTime created_at;
  WallTime updated_at;
};

struct SecretRequest {
  OrgId org;
  std::string name;
  std::string value;
  std::string description;
  SecretBinding binding;
};

// Absent: as it is.
struct SecretPatch {
  std::optional<std::string> value;
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> hosts;
  std::optional<std::vector<std::string>> methods;
  std::optional<std::vector<std::string>> paths;
  std::optional<std::vector<std::string>> places;
  std::optional<std::string> header;
};

class Secrets {
 public:
  // `key_file` is made while there are no secrets. Without it there is no way to the values of
  // those that exist: an error, which says what to do. Blocks on that file: for the start.
  static Task<Result<std::unique_ptr<Secrets>>> Open(store::Store& store, std::string key_file);

  // Whether a secret can be kept as it is; asked before anything is written.
  using Check = std::function<Result<void>(const SecretInfo& info, const std::string& value)>;
  void set_check(Check check) { check_ = std::move(check); }
  // Called after each change of that organisation's secrets, when memory has it.
  void set_on_changed(std::function<void(const OrgId&)> callback) {
    on_changed_ = std::move(callback);
  }

  // kConflict: the name is taken.
  Task<Result<SecretInfo>> Create(SecretRequest request);
  Task<Result<SecretInfo>> Update(OrgId org, std::string id, SecretPatch patch);
  Task<Result<void>> Delete(OrgId org, std::string id);

  // By name.
  std::vector<SecretInfo> List(const OrgId& org) const;
  std::optional<SecretInfo> Find(const OrgId& org, std::string_view id) const;
  std::optional<SecretInfo> FindByName(const OrgId& org, std::string_view name) const;

  // For the gateway alone.
  struct WithValue {
    SecretInfo info;
    std::string value;
  };
  std::vector<WithValue> AllOf(const OrgId& org) const;

 private:
  using Entry = WithValue;
  enum class SaveAs { kNew, kChanged };
  Secrets(store::Store& store, const Seal& seal) : store_(store), seal_(seal) {}
  Task<Result<void>> Save(Entry entry, SaveAs how);
  Result<void> CheckEntry(const Entry& entry) const;
  void Adopt(Entry entry);

  store::Store& store_;
  const Seal seal_;
  std::map<std::string, Entry, std::less<>> by_id_;
  Check check_;
  std::function<void(const OrgId&)> on_changed_;
};

}  // namespace cove::identity
