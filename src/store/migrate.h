// Brings a database to the schema that this program was built for. Thread: as Db.
#pragma once

#include "store/sqlite_db.h"
#include "store/store.h"

namespace cove::store {

// Applies, each in one transaction, the steps that the database has not seen. A database with a
// step that `migrations` does not know was made by a newer program and is refused.
Result<void> Migrate(SqliteDb& db, const Migrations& migrations);

}  // namespace cove::store
