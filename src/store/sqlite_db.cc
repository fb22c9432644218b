#include "store/sqlite_db.h"

#include <sqlite3.h>

namespace cove::store {
namespace {

// A statement is reset and its values dropped however the caller leaves.
struct ResetAtEnd {
  sqlite3_stmt* statement;
  ~ResetAtEnd() {
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
  }
};

int BindOne(sqlite3_stmt* s, int i, const Value& value) {
  const auto& raw = value.raw();
  if (const auto* v = std::get_if<int64_t>(&raw)) return sqlite3_bind_int64(s, i, *v);
  if (const auto* v = std::get_if<double>(&raw)) return sqlite3_bind_double(s, i, *v);
  if (const auto* v = std::get_if<std::string>(&raw)) {
    return sqlite3_bind_text64(s, i, v->data(), v->size(), SQLITE_STATIC, SQLITE_UTF8);
  }
  return sqlite3_bind_null(s, i);
}

Value ColumnOf(sqlite3_stmt* s, int i) {
  switch (sqlite3_column_type(s, i)) {
    case SQLITE_INTEGER:
      return sqlite3_column_int64(s, i);
    case SQLITE_FLOAT:
      return sqlite3_column_double(s, i);
    case SQLITE_NULL:
      return {};
    default: {
      const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(s, i));
      return std::string(text == nullptr ? "" : text,
                         static_cast<size_t>(sqlite3_column_bytes(s, i)));
    }
  }
}

constexpr int kBusyTimeoutMs = 5000;

}  // namespace

Result<std::unique_ptr<SqliteDb>> SqliteDb::Open(const std::string& path) {
  // Without a count of its memory SQLite takes no lock at each allocation. Once, before its first
  // use.
  static const int configured = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)configured;
  sqlite3* raw = nullptr;
  const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  const int rc = sqlite3_open_v2(path.c_str(), &raw, flags, nullptr);
  std::unique_ptr<SqliteDb> db(new SqliteDb(raw, path));
  if (rc != SQLITE_OK) return db->MakeError("open");
  sqlite3_extended_result_codes(raw, 1);
  sqlite3_busy_timeout(raw, kBusyTimeoutMs);
  // Exclusive: one Cove has the database, so it is locked once and not at every commit. A
  // checkpoint waits for the disk twice, so it comes after 16 MiB of log and not after SQLite's 4.
  RETURN_IF_ERROR(
      db->Script("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL;"
                 "PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000;"
                 "PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY;"
                 "PRAGMA trusted_schema = OFF;"));
  return db;
}

SqliteDb::~SqliteDb() {
  for (auto& [sql, statement] : statements_) sqlite3_finalize(statement.raw);
  sqlite3_close_v2(db_);
}

Result<Rows> SqliteDb::Query(std::string_view sql, Params params) {
  ASSIGN_OR_RETURN(const Statement* prepared, Prepare(sql));
  sqlite3_stmt* const statement = prepared->raw;
  const ResetAtEnd reset{statement};
  RETURN_IF_ERROR(Bind(*prepared, sql, params));
  Rows rows;
  const int columns = sqlite3_column_count(statement);
  for (;;) {
    const int rc = sqlite3_step(statement);
    if (rc == SQLITE_DONE) return rows;
    if (rc != SQLITE_ROW) return MakeError(sql);
    Row& row = rows.emplace_back();
    row.reserve(static_cast<size_t>(columns));
    for (int i = 0; i < columns; ++i) row.push_back(ColumnOf(statement, i));
  }
}

Result<int64_t> SqliteDb::Run(std::string_view sql, Params params) {
  ASSIGN_OR_RETURN(const Statement* prepared, Prepare(sql));
  sqlite3_stmt* const statement = prepared->raw;
  const ResetAtEnd reset{statement};
  RETURN_IF_ERROR(Bind(*prepared, sql, params));
  int rc = SQLITE_ROW;
  while (rc == SQLITE_ROW) rc = sqlite3_step(statement);
  if (rc != SQLITE_DONE) return MakeError(sql);
  return static_cast<int64_t>(sqlite3_changes64(db_));
}

Result<void> SqliteDb::Script(std::string_view sql) {
  const std::string text(sql);
  if (sqlite3_exec(db_, text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return MakeError(sql);
  }
  return Ok();
}

bool SqliteDb::in_transaction() const { return sqlite3_get_autocommit(db_) == 0; }

Result<const SqliteDb::Statement*> SqliteDb::Prepare(std::string_view sql) {
  if (const auto known = statements_.find(sql); known != statements_.end()) return &known->second;
  Statement made;
  const int rc = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                    SQLITE_PREPARE_PERSISTENT, &made.raw, nullptr);
  if (rc != SQLITE_OK || made.raw == nullptr) return MakeError(sql);
  const int count = sqlite3_bind_parameter_count(made.raw);
  for (int i = 1; i <= count; ++i) {
    made.places.push_back(
        sqlite3_bind_parameter_index(made.raw, ("$" + std::to_string(i)).c_str()));
  }
  return &statements_.emplace(sql, std::move(made)).first->second;
}

// By number, not by order of appearance: "$2 … $1" means what it says, as in PostgreSQL.
Result<void> SqliteDb::Bind(const Statement& statement, std::string_view sql,
                            const Params& params) {
  if (statement.places.size() != params.size()) {
    return Error(Code::kInternal, "a statement and its parameters differ in number: " +
                                      std::string(sql.substr(0, 120)));
  }
  for (size_t i = 0; i < params.size(); ++i) {
    const int place = statement.places[i];
    if (place == 0 || BindOne(statement.raw, place, params[i]) != SQLITE_OK) {
      return Error(Code::kInternal, "cannot bind $" + std::to_string(i + 1) +
                                        " of: " + std::string(sql.substr(0, 120)));
    }
  }
  return Ok();
}

Error SqliteDb::MakeError(std::string_view sql) const {
  const int rc = db_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(db_);
  const std::string why = db_ == nullptr ? "out of memory" : sqlite3_errmsg(db_);
  switch (rc & 0xff) {
    case SQLITE_CONSTRAINT:
      return Error(Code::kConflict, why);
    case SQLITE_FULL:
      return Error(Code::kExhausted,
                   "the disk of " + path_ + " is full: free space there; nothing was changed");
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Error(Code::kIo, "the database " + path_ + " is damaged (" + why +
                                  "): stop cove, move the file and its -wal and -shm aside and "
                                  "put a backup in its place (sqlite3 FILE .recover may save it)");
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return Error(Code::kIo, "the database " + path_ + " cannot be opened for writing (" + why +
                                  "): its folder and files must belong to the user that cove's "
                                  "front runs as");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Error(Code::kUnavailable, "the database " + path_ +
                                           " is held by another process: only one cove may use a "
                                           "data directory");
    default:
      return Error(Code::kInternal, "the database " + path_ + ": " + why +
                                        " in: " + std::string(sql.substr(0, 120)));
  }
}

}  // namespace cove::store
