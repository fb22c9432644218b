#include "store/migrate.h"

#include <map>

namespace cove::store {
namespace {

Result<std::map<std::string, int64_t>> AppliedVersions(SqliteDb& db) {
  ASSIGN_OR_RETURN(Rows rows, db.Query("SELECT room, max(version) FROM migration GROUP BY room"));
  std::map<std::string, int64_t> out;
  for (const Row& row : rows) out[row[0].Text()] = row[1].Int();
  return out;
}

Result<void> CheckOrder(const Migrations& migrations) {
  std::map<std::string_view, int> last;
  for (const Migration& m : migrations) {
    if (m.version != ++last[m.room]) {
      return Error(Code::kInternal, "the migrations of room " + std::string(m.room) +
                                        " are not numbered 1, 2, 3, …");
    }
  }
  return Ok();
}

Result<void> Apply(SqliteDb& db, const Migration& m) {
  RETURN_IF_ERROR(db.Script(m.sql));
  auto noted = db.Run("INSERT INTO migration (room, version, applied_at) VALUES ($1, $2, $3)",
                      {m.room, m.version, WallNow()});
  RETURN_IF_ERROR(noted);
  return Ok();
}

Result<void> ApplyAtomically(SqliteDb& db, const Migration& m) {
  const std::string what =
      "migration " + std::to_string(m.version) + " of room " + std::string(m.room);
  RETURN_IF_ERROR(db.Script("BEGIN IMMEDIATE"));
  if (auto applied = Apply(db, m); !applied) {
    (void)db.Script("ROLLBACK");
    return std::move(applied).error().Wrap(what);
  }
  if (auto committed = db.Script("COMMIT"); !committed) {
    (void)db.Script("ROLLBACK");
    return std::move(committed).error().Wrap(what);
  }
  return Ok();
}

}  // namespace

Result<void> Migrate(SqliteDb& db, const Migrations& migrations) {
  RETURN_IF_ERROR(CheckOrder(migrations));
  RETURN_IF_ERROR(
      db.Script("CREATE TABLE IF NOT EXISTS migration (room TEXT NOT NULL, version INTEGER NOT "
                "NULL, applied_at INTEGER NOT NULL, PRIMARY KEY (room, version)) STRICT"));
  ASSIGN_OR_RETURN(auto applied, AppliedVersions(db));
  std::map<std::string, int64_t> known;
  for (const Migration& m : migrations) known[std::string(m.room)] = m.version;
  for (const auto& [room, version] : applied) {
    if (version > known[room]) {
      return Error(Code::kInvalid,
                   "the database was made by a newer cove (schema " + room + " is at version " +
                       std::to_string(version) + ", this cove " COVE_VERSION " knows " +
                       std::to_string(known[room]) +
                       "): start that version again, or use another --data directory");
    }
  }
  for (const Migration& m : migrations) {
    if (m.version > applied[std::string(m.room)]) RETURN_IF_ERROR(ApplyAtomically(db, m));
  }
  return Ok();
}

}  // namespace cove::store
