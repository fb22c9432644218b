#include "identity/keys.h"

#include <algorithm>

#include "base/durable_file.h"
#include "base/text.h"
#include "identity/crypto.h"

namespace cove::identity {
namespace {

constexpr std::string_view kPrefix = "cove_";
constexpr size_t kSecretBytes = 32;
constexpr size_t kNameBytesMax = 128;
constexpr size_t kSeedBytesMin = 16;
constexpr std::string_view kSeedName = "admin";

std::string Mask(std::string_view secret) {
  constexpr size_t kShown = 3;
  if (secret.size() < kSeedBytesMin) return "…";
  const size_t head = secret.starts_with(kPrefix) ? kPrefix.size() : 0;
  return std::string(secret.substr(0, head + kShown)) + "…" +
         std::string(secret.substr(secret.size() - kShown));
}

std::optional<WallTime> OptionalTime(const store::Value& v) {
  if (v.is_null()) return std::nullopt;
  return v.Time();
}
store::Value OrNull(std::optional<WallTime> t) { return t ? store::Value(*t) : store::Value(); }

std::vector<std::string> SplitScopes(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  for (std::string_view part : Split(text, ',')) out.emplace_back(part);
  return out;
}

Result<void> CheckRequest(const KeyRequest& request) {
  if (Trim(request.name).empty() || request.name.size() > kNameBytesMax) {
    return Error(Code::kInvalid, "a key needs a name of 1 to 128 characters");
  }
  RETURN_IF_ERROR(CheckScopes(request.scopes));
  if (request.expires_at && *request.expires_at <= WallNow()) {
    return Error(Code::kInvalid, "the key would have expired already: choose a later expiresAt");
  }
  return Ok();
}

Result<void> InsertOrg(store::Db& db) {
  RETURN_IF_ERROR(
      db.Run("INSERT INTO organisation (id, name, created_at) VALUES ($1, 'default', $2) "
             "ON CONFLICT DO NOTHING",
             {kDefaultOrg, WallNow()}));
  return Ok();
}

}  // namespace

Task<Result<std::unique_ptr<Keys>>> Keys::Open(store::Store& store) {
  std::unique_ptr<Keys> keys(new Keys(store));
  CO_RETURN_IF_ERROR(co_await store.Write([](store::Db& db) { return InsertOrg(db); }));
  auto rows = co_await store.Read([](store::Db& db) {
    return db.Query(
        "SELECT hash, id, org, user_name, name, role, scopes, masked, created_at, last_used_at, "
        "expires_at FROM api_key");
  });
  if (!rows) co_return std::move(rows).error().Wrap("read the API keys");
  for (const store::Row& row : *rows) {
    Entry entry;
    entry.hash = row[0].Text();
    entry.info.id = row[1].Text();
    entry.info.org = OrgId(row[2].Text());
    entry.info.user = row[3].Text();
    entry.info.name = row[4].Text();
    entry.info.role = row[5].Text() == "admin" ? Role::kAdmin : Role::kMember;
    entry.info.scopes = SplitScopes(row[6].Text());
    entry.info.masked = row[7].Text();
    entry.info.created_at = row[8].Time();
    entry.info.last_used_at = OptionalTime(row[9]);
    entry.info.expires_at = OptionalTime(row[10]);
    keys->by_hash_.emplace(entry.hash, std::move(entry));
  }
  co_return keys;
}

// The map is searched by hash, so what its time could tell is about the hash of a guess only.
Result<Caller> Keys::Verify(std::string_view bearer) {
  const std::string hash = Sha256Hex(bearer);
  auto it = by_hash_.find(hash);
  if (it == by_hash_.end() || !ConstantTimeEquals(it->second.hash, hash)) {
    return Error(Code::kUnauthenticated, "the API key is not known here");
  }
  Entry& entry = it->second;
  const WallTime now = WallNow();
  if (entry.info.expires_at && *entry.info.expires_at <= now) {
    return Error(Code::kUnauthenticated, "the API key has expired");
  }
  entry.info.last_used_at = now;
  entry.use_changed = true;
  Caller caller;
  caller.org = entry.info.org;
  caller.user = entry.info.user;
  caller.key_id = entry.info.id;
  caller.key_name = entry.info.name;
  caller.role = entry.info.role;
  caller.scopes = entry.info.scopes;
  return caller;
}

Task<Result<NewKey>> Keys::Create(KeyRequest request) {
  CO_RETURN_IF_ERROR(CheckRequest(request));
  co_return co_await Insert(std::move(request), std::string(kPrefix) + RandomHex(kSecretBytes),
                            Origin::kRequest);
}

Task<Result<NewKey>> Keys::Insert(KeyRequest request, std::string secret, Origin origin) {
  Entry entry;
  entry.hash = Sha256Hex(secret);
  KeyInfo& info = entry.info;
  info.id = NewUuid();
  info.org = request.org;
  info.user = request.user.empty() ? std::string(kDefaultUser) : request.user;
  info.name = request.name;
  info.role = request.role;
  info.scopes = request.scopes;
  info.masked = Mask(secret);
  info.created_at = WallNow();
  info.expires_at = request.expires_at;
  auto written = co_await store_.Write([entry, origin](store::Db& db) -> Result<void> {
    const KeyInfo& k = entry.info;
    if (origin == Origin::kSeed) {
      RETURN_IF_ERROR(db.Run("DELETE FROM api_key WHERE org = $1 AND name = $2", {k.org, k.name}));
    }
    RETURN_IF_ERROR(
        db.Run("INSERT INTO api_key (id, hash, org, user_name, name, role, scopes, masked, seeded, "
               "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
               {k.id, entry.hash, k.org, k.user, k.name, RoleName(k.role), Join(k.scopes, ","),
                k.masked, origin == Origin::kSeed, k.created_at, OrNull(k.expires_at)}));
    return Ok();
  });
  if (!written.ok() && written.error().code() == Code::kConflict) {
    co_return Error(Code::kConflict, "an API key named '" + info.name +
                                         "' exists already: delete it or choose another name");
  }
  CO_RETURN_IF_ERROR(std::move(written));
  if (origin == Origin::kSeed) {
    std::erase_if(by_hash_, [&](const auto& e) {
      return e.second.info.org == info.org && e.second.info.name == info.name;
    });
  }
  NewKey out{info, std::move(secret)};
  by_hash_.insert_or_assign(entry.hash, std::move(entry));
  co_return out;
}

std::vector<KeyInfo> Keys::List(const OrgId& org) const {
  std::vector<KeyInfo> out;
  for (const auto& [hash, entry] : by_hash_) {
    if (entry.info.org == org) out.push_back(entry.info);
  }
  std::sort(out.begin(), out.end(),
            [](const KeyInfo& a, const KeyInfo& b) { return a.created_at > b.created_at; });
  return out;
}

std::optional<KeyInfo> Keys::Find(const OrgId& org, std::string_view id_or_name) const {
  for (const auto& [hash, entry] : by_hash_) {
    const KeyInfo& k = entry.info;
    if (k.org == org && (k.id == id_or_name || k.name == id_or_name)) return k;
  }
  return std::nullopt;
}

std::optional<KeyInfo> Keys::FindValid(const OrgId& org, std::string_view id) const {
  const WallTime now = WallNow();
  for (const auto& [hash, entry] : by_hash_) {
    const KeyInfo& k = entry.info;
    if (k.org != org || k.id != id) continue;
    return k.expires_at && *k.expires_at <= now ? std::nullopt : std::optional(k);
  }
  return std::nullopt;
}

Task<Result<void>> Keys::Delete(OrgId org, std::string id_or_name) {
  const std::optional<KeyInfo> info = Find(org, id_or_name);
  if (!info) co_return Error(Code::kNotFound, "no API key '" + id_or_name + "'");
  const auto admins = std::count_if(by_hash_.begin(), by_hash_.end(), [](const auto& e) {
    return e.second.info.role == Role::kAdmin;
  });
  if (info->role == Role::kAdmin && admins == 1) {
    co_return Error(Code::kConflict,
                    "this is the last admin key: make another one first, or nobody could");
  }
  CO_RETURN_IF_ERROR(co_await store_.Write([id = info->id](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("DELETE FROM api_key WHERE id = $1", {id}));
    return Ok();
  }));
  std::erase_if(by_hash_, [&](const auto& e) { return e.second.info.id == info->id; });
  co_return Ok();
}

Task<Result<AdminSeed>> Keys::SeedAdmin(std::string key, std::string file) {
  KeyRequest request;
  request.org = kDefaultOrg;
  request.user = kDefaultUser;
  request.name = kSeedName;
  request.role = Role::kAdmin;
  AdminSeed seed;
  if (!key.empty()) {
    if (key.size() < kSeedBytesMin) {
      co_return Error(Code::kInvalid,
                      "COVE_ADMIN_KEY is too short to be safe: use at least 16 characters, for "
                      "example of `openssl rand -hex 32`");
    }
    auto it = by_hash_.find(Sha256Hex(key));
    if (it != by_hash_.end() && it->second.info.role == Role::kAdmin) co_return seed;
    CO_RETURN_IF_ERROR(co_await Insert(std::move(request), std::move(key), Origin::kSeed));
    co_return seed;
  }
  const bool have_admin = std::any_of(by_hash_.begin(), by_hash_.end(), [](const auto& e) {
    return e.second.info.role == Role::kAdmin;
  });
  if (have_admin) co_return seed;
  std::string secret = std::string(kPrefix) + RandomHex(kSecretBytes);
  // The file first: a key that nobody can read would lock everybody out.
  CO_RETURN_IF_ERROR(WriteDurably(file, secret + "\n", 0600));
  CO_RETURN_IF_ERROR(co_await Insert(std::move(request), std::move(secret), Origin::kSeed));
  seed.generated = true;
  co_return seed;
}

Task<Result<void>> Keys::FlushUse() {
  std::vector<std::pair<std::string, WallTime>> changed;
  for (auto& [hash, entry] : by_hash_) {
    if (std::exchange(entry.use_changed, false)) {
      changed.emplace_back(entry.info.id, *entry.info.last_used_at);
    }
  }
  if (changed.empty()) co_return Ok();
  co_return co_await store_.Write(
      [changed](store::Db& db) -> Result<void> {
        for (const auto& [id, when] : changed) {
          RETURN_IF_ERROR(db.Run("UPDATE api_key SET last_used_at = $2 WHERE id = $1", {id, when}));
        }
        return Ok();
      },
      store::Durability::kProcess);
}

}  // namespace cove::identity
