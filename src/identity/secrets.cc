#include "identity/secrets.h"

#include <algorithm>

#include "base/text.h"

namespace cove::identity {
namespace {

constexpr std::string_view kPlaceholderPrefix = "dtn_secret_";
constexpr size_t kPlaceholderBytes = 16;
constexpr size_t kNameBytesMax = 255;
constexpr size_t kDescriptionBytesMax = 1024;
constexpr size_t kValueBytesMax = 64 * 1024;
constexpr size_t kListMax = 64;
constexpr size_t kListTextMax = 1024;

// Lists are stored one text to a line.
std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> out;
  if (text.empty()) return out;
  for (const std::string_view line : Split(text, '\n')) out.emplace_back(line);
  return out;
}

Error Invalid(std::string text) { return Error(Code::kInvalid, std::move(text)); }

Result<void> CheckName(std::string_view name) {
  const bool good = !name.empty() && name.size() <= kNameBytesMax &&
                    std::all_of(name.begin(), name.end(), [](char c) {
                      return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                             (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.';
                    });
  if (good) return Ok();
  return Invalid("the name of a secret is 1 to 255 letters, digits, '-', '_' and '.'");
}

Result<void> CheckList(std::string_view what, const std::vector<std::string>& list) {
  if (list.size() > kListMax) return Invalid(std::string(what) + " has over 64 entries");
  for (const std::string& text : list) {
    const bool good = !text.empty() && text.size() <= kListTextMax &&
                      text.find_first_of(std::string_view("\n\r\0", 3)) == std::string::npos;
    if (!good) return Invalid("an entry of " + std::string(what) + " is empty, too long or broken");
  }
  return Ok();
}

Result<void> CheckPlaces(const std::vector<std::string>& places) {
  for (const std::string& place : places) {
    if (place != "header" && place != "query" && place != "body") {
      return Invalid("'" + place + "' is no place for a secret: \"header\", \"query\" or \"body\"");
    }
  }
  return Ok();
}

// What is sealed for one secret does not open in the row of another, nor in another organisation.
std::string PlaceOf(const SecretInfo& info) { return "secret " + info.org.value + " " + info.id; }

std::string KeyIsGone(const std::string& file, const std::string& why) {
  return "the secrets in the database cannot be read: " + why + ". Put " + file +
         " back, or delete the rows of the table 'secret'";
}

}  // namespace

Task<Result<std::unique_ptr<Secrets>>> Secrets::Open(store::Store& store, std::string key_file) {
  CO_ASSIGN_OR_RETURN(const store::Rows rows, co_await store.Read([](store::Db& db) {
    return db.Query(
        "SELECT id, org, name, description, placeholder, hosts, methods, paths, places, "
        "header, sealed, created_at, updated_at FROM secret");
  }));
  auto seal = Seal::Open(key_file, rows.empty() ? Seal::IfMissing::kMake : Seal::IfMissing::kFail);
  if (!seal) co_return Error(Code::kInvalid, KeyIsGone(key_file, seal.error().message()));
  std::unique_ptr<Secrets> out(new Secrets(store, *seal));
  for (const store::Row& row : rows) {
    Entry entry;
    SecretInfo& info = entry.info;
    info.id = row[0].Text();
    info.org = OrgId(row[1].Text());
    info.name = row[2].Text();
    info.description = row[3].Text();
    info.placeholder = row[4].Text();
    info.binding = {Lines(row[5].Text()), Lines(row[6].Text()), Lines(row[7].Text()),
                    Lines(row[8].Text()), row[9].Text()};
    auto value = seal->Break(row[10].Text(), PlaceOf(info));
    if (!value) {
      co_return Error(Code::kInvalid, KeyIsGone(key_file, "secret '" + info.name +
                                                              "': " + value.error().message()));
    }
    entry.value = *std::move(value);
    info.created_at = row[11].Time();
    info.updated_at = row[12].Time();
    out->by_id_[info.id] = std::move(entry);
  }
  co_return out;
}

Result<void> Secrets::CheckEntry(const Entry& entry) const {
  const SecretInfo& info = entry.info;
  RETURN_IF_ERROR(CheckName(info.name));
  if (entry.value.empty() || entry.value.size() > kValueBytesMax) {
    return Invalid("the value of a secret has 1 to 65536 bytes");
  }
  if (info.description.size() > kDescriptionBytesMax) {
    return Invalid("the description of a secret has at most 1024 bytes");
  }
  if (info.binding.hosts.empty()) {
    return Invalid(
        "'hosts' is missing: a secret goes only to hosts that it names, for example "
        "[\"api.example.com\", \"*.example.com\"]; [\"*\"] means wherever the sandbox may go");
  }
  RETURN_IF_ERROR(CheckList("hosts", info.binding.hosts));
  RETURN_IF_ERROR(CheckList("methods", info.binding.methods));
  RETURN_IF_ERROR(CheckList("paths", info.binding.paths));
  RETURN_IF_ERROR(CheckPlaces(info.binding.places));
  return check_ ? check_(info, entry.value) : Ok();
}

namespace {

constexpr std::string_view kInsert =
    "INSERT INTO secret (id, org, name, description, placeholder, hosts, methods, paths, places, "
    "header, sealed, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, "
    "$11, $12, $13)";
// $2, $3, $5 and $12 stay as they are.
constexpr std::string_view kUpdate =
    "UPDATE secret SET description = $4, hosts = $6, methods = $7, paths = $8, places = $9, header "
    "= $10, sealed = $11, updated_at = $13 WHERE id = $1 AND org = $2 AND name = $3 AND "
    "placeholder = $5 AND created_at = $12";

}  // namespace

Task<Result<void>> Secrets::Save(Entry entry, SaveAs how) {
  CO_ASSIGN_OR_RETURN(const std::string sealed, seal_.Close(entry.value, PlaceOf(entry.info)));
  auto work = [info = entry.info, sealed, how](store::Db& db) -> Result<void> {
    const SecretBinding& b = info.binding;
    ASSIGN_OR_RETURN(
        const int64_t rows,
        db.Run(how == SaveAs::kNew ? kInsert : kUpdate,
               {info.id, info.org, info.name, info.description, info.placeholder,
                Join(b.hosts, "\n"), Join(b.methods, "\n"), Join(b.paths, "\n"),
                Join(b.places, "\n"), b.header, sealed, info.created_at, info.updated_at}));
    if (rows != 1) return Error(Code::kNotFound, "secret '" + info.id + "' has been deleted");
    return Ok();
  };
  auto written = co_await store_.Write(std::move(work));
  if (!written && written.error().code() == Code::kConflict) {
    co_return Error(Code::kConflict, "a secret named '" + entry.info.name +
                                         "' exists already: update it or choose another name");
  }
  CO_RETURN_IF_ERROR(std::move(written));
  Adopt(std::move(entry));
  co_return Ok();
}

void Secrets::Adopt(Entry entry) {
  const OrgId org = entry.info.org;
  const std::string id = entry.info.id;
  by_id_[id] = std::move(entry);
  if (on_changed_) on_changed_(org);
}

Task<Result<SecretInfo>> Secrets::Create(SecretRequest request) {
  Entry entry;
  entry.value = std::move(request.value);
  SecretInfo& info = entry.info;
  info.id = NewUuid();
  info.org = request.org;
  info.name = std::move(request.name);
  info.description = std::move(request.description);
  info.placeholder = std::string(kPlaceholderPrefix) + RandomHex(kPlaceholderBytes);
  info.binding = std::move(request.binding);
  info.created_at = info.updated_at = WallNow();
  CO_RETURN_IF_ERROR(CheckEntry(entry));
  const SecretInfo out = info;
  CO_RETURN_IF_ERROR(co_await Save(std::move(entry), SaveAs::kNew));
  co_return out;
}

Task<Result<SecretInfo>> Secrets::Update(OrgId org, std::string id, SecretPatch patch) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second.info.org != org) {
    co_return Error(Code::kNotFound, "there is no secret '" + id + "'");
  }
  Entry entry = it->second;
  SecretBinding& binding = entry.info.binding;
  if (patch.value) entry.value = *std::move(patch.value);
  if (patch.description) entry.info.description = *std::move(patch.description);
  if (patch.hosts) binding.hosts = *std::move(patch.hosts);
  if (patch.methods) binding.methods = *std::move(patch.methods);
  if (patch.paths) binding.paths = *std::move(patch.paths);
  if (patch.places) binding.places = *std::move(patch.places);
  if (patch.header) binding.header = *std::move(patch.header);
  entry.info.updated_at = WallNow();
  CO_RETURN_IF_ERROR(CheckEntry(entry));
  const SecretInfo out = entry.info;
  CO_RETURN_IF_ERROR(co_await Save(std::move(entry), SaveAs::kChanged));
  co_return out;
}

Task<Result<void>> Secrets::Delete(OrgId org, std::string id) {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second.info.org != org) {
    co_return Error(Code::kNotFound, "there is no secret '" + id + "'");
  }
  CO_RETURN_IF_ERROR(co_await store_.Write([id](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("DELETE FROM secret WHERE id = $1", {id}));
    return Ok();
  }));
  by_id_.erase(id);
  if (on_changed_) on_changed_(org);
  co_return Ok();
}

std::vector<SecretInfo> Secrets::List(const OrgId& org) const {
  std::vector<SecretInfo> out;
  for (const auto& [id, entry] : by_id_) {
    if (entry.info.org == org) out.push_back(entry.info);
  }
  std::sort(out.begin(), out.end(),
            [](const SecretInfo& a, const SecretInfo& b) { return a.name < b.name; });
  return out;
}

std::optional<SecretInfo> Secrets::Find(const OrgId& org, std::string_view id) const {
  const auto it = by_id_.find(id);
  if (it == by_id_.end() || it->second.info.org != org) return std::nullopt;
  return it->second.info;
}

std::optional<SecretInfo> Secrets::FindByName(const OrgId& org, std::string_view name) const {
  for (const auto& [id, entry] : by_id_) {
    if (entry.info.org == org && entry.info.name == name) return entry.info;
  }
  return std::nullopt;
}

std::vector<Secrets::WithValue> Secrets::AllOf(const OrgId& org) const {
  std::vector<WithValue> out;
  for (const auto& [id, entry] : by_id_) {
    if (entry.info.org == org) out.push_back(entry);
  }
  return out;
}

}  // namespace cove::identity
