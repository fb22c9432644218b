// Tokens: short-lived proofs with which an agent outside a sandbox may call models, and nothing
// else. Each is bound to a user, perhaps to a sandbox, perhaps to a budget of its own, and ends.
// It is a way in which the API key calls that it was made with: whoever lets it in asks whether
// that key still may, and counts its calls as the key's.
//
// A token is "covet_" and 64 random hex digits; only its SHA-256 is stored. All that have not
// expired are in memory, so that verifying one never waits.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <map>
#include <memory>

#include "bridge/budgets.h"

namespace cove::bridge {

struct Token {
  std::string id;  // a UUID
  OrgId org;
  std::string user;
  SandboxId sandbox;   // empty: bound to none
  std::string key_id;  // the API key that asked for it
  std::string budget;  // the id of its own budget; empty: none
  WallTime created_at;
  WallTime expires_at;
};

struct NewToken {
  Token token;
  std::string secret;  // shown once; never log or store it
};

class Tokens {
 public:
  static constexpr seconds kLifeMin{60};
  static constexpr seconds kLifeMax{7 * 24 * 3600};

  // `budgets` must outlive the object.
  static Task<Result<std::unique_ptr<Tokens>>> Open(store::Store& store, Budgets& budgets);

  // `life`: kInvalid outside [kLifeMin, kLifeMax]. `limit`: the calls of this token may cost so
  // much; nothing: only the other budgets count.
  Task<Result<NewToken>> Create(Token token, seconds life, std::optional<Micros> limit);
  // kUnauthenticated unless `secret` is a token that has not expired. Does not wait.
  Result<Token> Verify(std::string_view secret) const;
  static bool LooksLikeOne(std::string_view secret);
  // Whether there is one of this id that has not expired.
  bool InForce(const OrgId& org, std::string_view id) const;
  // Newest first, expired ones left out.
  std::vector<Token> List(const OrgId& org) const;
  // It is of no use from then on. kNotFound.
  Task<Result<void>> Delete(OrgId org, std::string id);
  // Removes those that have expired, with their budgets.
  Task<Result<void>> DropExpired();

 private:
  Tokens(store::Store& store, Budgets& budgets) : store_(store), budgets_(budgets) {}
  Task<Result<void>> Remove(std::string hash, Token token);

  store::Store& store_;
  Budgets& budgets_;
  std::map<std::string, Token, std::less<>> by_hash_;
};

}  // namespace cove::bridge
