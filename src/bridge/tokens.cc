#include "bridge/tokens.h"

#include <algorithm>

#include "base/text.h"
#include "identity/crypto.h"

namespace cove::bridge {
namespace {

constexpr std::string_view kPrefix = "covet_";
constexpr size_t kSecretBytes = 32;

Token TokenFromRow(const store::Row& row) {
  Token out;
  out.id = row[1].Text();
  out.org = OrgId(row[2].Text());
  out.user = row[3].Text();
  out.sandbox = SandboxId(row[4].Text());
  out.key_id = row[5].Text();
  out.budget = row[6].Text();
  out.created_at = row[7].Time();
  out.expires_at = row[8].Time();
  return out;
}

}  // namespace

bool Tokens::LooksLikeOne(std::string_view secret) { return secret.starts_with(kPrefix); }

Task<Result<std::unique_ptr<Tokens>>> Tokens::Open(store::Store& store, Budgets& budgets) {
  std::unique_ptr<Tokens> tokens(new Tokens(store, budgets));
  CO_ASSIGN_OR_RETURN(const store::Rows rows, co_await store.Read([](store::Db& db) {
    return db.Query(
        "SELECT hash, id, org_id, user_id, sandbox_id, key_id, budget_id, created_at, expires_at "
        "FROM ai_token");
  }));
  for (const store::Row& row : rows) tokens->by_hash_.emplace(row[0].Text(), TokenFromRow(row));
  co_return tokens;
}

Task<Result<NewToken>> Tokens::Create(Token token, seconds life, std::optional<Micros> limit) {
  if (life < kLifeMin || life > kLifeMax) {
    co_return Error(Code::kInvalid, "a token lives from " + std::to_string(kLifeMin.count()) +
                                        " to " + std::to_string(kLifeMax.count()) + " seconds");
  }
  token.id = NewUuid();
  token.created_at = WallNow();
  token.expires_at.micros =
      token.created_at.micros + std::chrono::duration_cast<microseconds>(life).count();
  if (limit) {
    Budget budget;
    budget.org = token.org;
    budget.scope = Scope::kToken;
    budget.subject = token.id;
    budget.period = Period::kTotal;
    budget.limit = *limit;
    CO_ASSIGN_OR_RETURN(const Budget made, co_await budgets_.Create(std::move(budget)));
    token.budget = made.id;
  }
  NewToken out{token, std::string(kPrefix) + RandomHex(kSecretBytes)};
  const std::string hash = identity::Sha256Hex(out.secret);
  CO_RETURN_IF_ERROR(co_await store_.Write([token, hash](store::Db& db) {
    return db.Run(
        "INSERT INTO ai_token (hash, id, org_id, user_id, sandbox_id, key_id, budget_id, "
        "created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        {hash, token.id, token.org, token.user, token.sandbox, token.key_id,
         token.budget.empty() ? store::Value() : store::Value(token.budget), token.created_at,
         token.expires_at});
  }));
  by_hash_.emplace(hash, std::move(token));
  co_return out;
}

// The map is searched by hash, so what its time could tell is about the hash of a guess only.
Result<Token> Tokens::Verify(std::string_view secret) const {
  const auto it = by_hash_.find(identity::Sha256Hex(secret));
  if (it == by_hash_.end()) {
    return Error(Code::kUnauthenticated, "the token is not known here; get one with `cove token`");
  }
  if (it->second.expires_at <= WallNow()) {
    return Error(Code::kUnauthenticated, "the token has expired; get another with `cove token`");
  }
  return it->second;
}

bool Tokens::InForce(const OrgId& org, std::string_view id) const {
  const WallTime now = WallNow();
  return std::any_of(by_hash_.begin(), by_hash_.end(), [&](const auto& entry) {
    const Token& token = entry.second;
    return token.id == id && token.org == org && token.expires_at > now;
  });
}

std::vector<Token> Tokens::List(const OrgId& org) const {
  const WallTime now = WallNow();
  std::vector<Token> out;
  for (const auto& [hash, token] : by_hash_) {
    if (token.org == org && token.expires_at > now) out.push_back(token);
  }
  std::sort(out.begin(), out.end(),
            [](const Token& a, const Token& b) { return a.created_at > b.created_at; });
  return out;
}

Task<Result<void>> Tokens::Remove(std::string hash, Token token) {
  CO_RETURN_IF_ERROR(co_await store_.Write([id = token.id](store::Db& db) {
    return db.Run("DELETE FROM ai_token WHERE id = $1", {id});
  }));
  by_hash_.erase(hash);
  if (token.budget.empty()) co_return Ok();
  auto gone = co_await budgets_.Delete(token.org, token.budget);
  // An administrator may have deleted it.
  if (!gone && gone.error().code() != Code::kNotFound) co_return std::move(gone).error();
  co_return Ok();
}

Task<Result<void>> Tokens::Delete(OrgId org, std::string id) {
  for (const auto& [hash, token] : by_hash_) {
    if (token.id == id && token.org == org) co_return co_await Remove(hash, token);
  }
  co_return Error(Code::kNotFound, "there is no token " + id);
}

Task<Result<void>> Tokens::DropExpired() {
  const WallTime now = WallNow();
  std::vector<std::pair<std::string, Token>> old;
  for (const auto& [hash, token] : by_hash_) {
    if (token.expires_at <= now) old.emplace_back(hash, token);
  }
  for (auto& [hash, token] : old) CO_RETURN_IF_ERROR(co_await Remove(hash, token));
  co_return Ok();
}

}  // namespace cove::bridge
