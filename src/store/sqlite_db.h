// SqliteDb: Db over one SQLite connection, with its cache of prepared statements.
// Source: sqlite.org/c3ref. Thread: one at a time.
#pragma once

#include <memory>
#include <unordered_map>

#include "store/db.h"

struct sqlite3;
struct sqlite3_stmt;

namespace cove::store {

class SqliteDb final : public Db {
 public:
  // Opens (creating) `path` in write-ahead mode.
  static Result<std::unique_ptr<SqliteDb>> Open(const std::string& path);
  ~SqliteDb() override;
  SqliteDb(const SqliteDb&) = delete;
  SqliteDb& operator=(const SqliteDb&) = delete;

  Result<Rows> Query(std::string_view sql, Params params = {}) override;
  Result<int64_t> Run(std::string_view sql, Params params = {}) override;
  // Any number of statements, without parameters and without the cache.
  Result<void> Script(std::string_view sql);
  bool in_transaction() const;

 private:
  SqliteDb(sqlite3* db, std::string path) : db_(db), path_(std::move(path)) {}
  struct Statement {
    sqlite3_stmt* raw = nullptr;
    std::vector<int> places;  // of $1, $2, … for SQLite, which numbers by appearance
  };
  // By text, looked up without a copy of it.
  struct TextHash {
    using is_transparent = void;
    size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  using Statements = std::unordered_map<std::string, Statement, TextHash, std::equal_to<>>;

  Result<const Statement*> Prepare(std::string_view sql);
  // The statement reads `params` until it is reset.
  Result<void> Bind(const Statement& statement, std::string_view sql, const Params& params);
  Error MakeError(std::string_view sql) const;

  sqlite3* db_;
  std::string path_;
  Statements statements_;
};

}  // namespace cove::store
