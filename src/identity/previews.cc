#include "identity/previews.h"

#include "base/text.h"
#include "identity/crypto.h"

namespace cove::identity {
namespace {

constexpr size_t kSignedTokenSize = 16;  // 80 bits
constexpr size_t kPlainTokenSize = 32;   // hex digits of a MAC: 128 bits
constexpr seconds kSignedLifetimeMax{86400};

}  // namespace

Task<Result<std::unique_ptr<Previews>>> Previews::Open(store::Store& store) {
  std::unique_ptr<Previews> previews(new Previews(store));
  auto rows = co_await store.Write(
      [fresh = RandomHex(32), now = WallNow()](store::Db& db) -> Result<store::Rows> {
        RETURN_IF_ERROR(db.Run(
            "INSERT INTO server_key (name, value) VALUES ('preview', $1) ON CONFLICT DO NOTHING",
            {fresh}));
        RETURN_IF_ERROR(db.Run("DELETE FROM signed_preview WHERE expires_at <= $1", {now}));
        ASSIGN_OR_RETURN(store::Rows out,
                         db.Query("SELECT value FROM server_key WHERE name = 'preview'"));
        ASSIGN_OR_RETURN(store::Rows tokens,
                         db.Query("SELECT hash, sandbox, port, expires_at FROM signed_preview"));
        out.insert(out.end(), tokens.begin(), tokens.end());
        return out;
      });
  if (!rows) co_return std::move(rows).error().Wrap("read the preview tokens");
  previews->key_ = (*rows)[0][0].Text();
  for (size_t i = 1; i < rows->size(); ++i) {
    const store::Row& row = (*rows)[i];
    Signed entry;
    entry.target.sandbox = SandboxId(row[1].Text());
    entry.target.port = static_cast<uint16_t>(row[2].Int());
    entry.expires_at = row[3].Time();
    previews->signed_.emplace(row[0].Text(), entry);
  }
  co_return previews;
}

// The purpose keeps a token of one kind from passing for another.
std::string Previews::Seal(std::string_view purpose, std::string_view text) const {
  return HmacHex(key_, std::string(purpose) + "\n" + std::string(text));
}

std::string Previews::PlainToken(const SandboxId& sandbox, std::string_view generation) const {
  return Seal("plain", sandbox.value + "\n" + std::string(generation)).substr(0, kPlainTokenSize);
}

bool Previews::VerifyPlain(const SandboxId& sandbox, std::string_view generation,
                           std::string_view token) const {
  return !generation.empty() && ConstantTimeEquals(PlainToken(sandbox, generation), token);
}

Task<Result<SignedPreview>> Previews::CreateSigned(SandboxId sandbox, uint16_t port,
                                                   seconds lifetime) {
  if (lifetime < seconds(1) || lifetime > kSignedLifetimeMax) {
    co_return Error(Code::kInvalid, "expiresInSeconds must be from 1 to 86400");
  }
  if (port == 0) co_return Error(Code::kInvalid, "the port must be from 1 to 65535");
  const WallTime now = WallNow();
  std::erase_if(signed_, [&](const auto& e) { return e.second.expires_at <= now; });
  SignedPreview out;
  out.token = RandomLabel(kSignedTokenSize);
  out.sandbox = sandbox;
  out.port = port;
  out.expires_at = WallTime{now.micros + microseconds(lifetime).count()};
  const std::string hash = Sha256Hex(out.token);
  CO_RETURN_IF_ERROR(co_await store_.Write([out, hash, now](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("DELETE FROM signed_preview WHERE expires_at <= $1", {now}));
    RETURN_IF_ERROR(db.Run(
        "INSERT INTO signed_preview (hash, sandbox, port, expires_at) VALUES ($1, $2, $3, $4)",
        {hash, out.sandbox, out.port, out.expires_at}));
    return Ok();
  }));
  signed_[hash] = Signed{PreviewTarget{sandbox, port}, out.expires_at};
  co_return out;
}

std::optional<PreviewTarget> Previews::VerifySigned(std::string_view token) const {
  auto it = signed_.find(Sha256Hex(ToLower(token)));
  if (it == signed_.end() || it->second.expires_at <= WallNow()) return std::nullopt;
  return it->second.target;
}

Task<Result<void>> Previews::ExpireSigned(SandboxId sandbox, uint16_t port, std::string token) {
  const std::string hash = Sha256Hex(ToLower(token));
  auto it = signed_.find(hash);
  if (it == signed_.end() || it->second.target.sandbox != sandbox ||
      it->second.target.port != port) {
    co_return Error(Code::kNotFound, "no such signed preview token for port " +
                                         std::to_string(port) + " of this sandbox");
  }
  signed_.erase(it);
  co_return co_await store_.Write([hash](store::Db& db) -> Result<void> {
    RETURN_IF_ERROR(db.Run("DELETE FROM signed_preview WHERE hash = $1", {hash}));
    return Ok();
  });
}

Task<Result<void>> Previews::Forget(SandboxId sandbox) {
  const size_t gone =
      std::erase_if(signed_, [&](const auto& e) { return e.second.target.sandbox == sandbox; });
  if (gone == 0) co_return Ok();
  co_return co_await store_.Write(
      [sandbox](store::Db& db) -> Result<void> {
        RETURN_IF_ERROR(db.Run("DELETE FROM signed_preview WHERE sandbox = $1", {sandbox}));
        return Ok();
      },
      store::Durability::kProcess);
}

// "<end in seconds>.<seal>"
std::string Previews::MakeCookie(const SandboxId& sandbox, WallTime expires_at) const {
  const std::string end = std::to_string(expires_at.micros / 1'000'000);
  return end + "." + Seal("cookie", sandbox.value + "\n" + end);
}

bool Previews::VerifyCookie(const SandboxId& sandbox, std::string_view cookie) const {
  const size_t dot = cookie.find('.');
  if (dot == std::string_view::npos) return false;
  const std::string_view end = cookie.substr(0, dot);
  const auto end_s = ParseInt<int64_t>(end);
  if (!end_s || *end_s <= WallNow().micros / 1'000'000) return false;
  return ConstantTimeEquals(Seal("cookie", sandbox.value + "\n" + std::string(end)),
                            cookie.substr(dot + 1));
}

}  // namespace cove::identity
