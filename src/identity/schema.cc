#include "identity/keys.h"

namespace cove::identity {

// Times are microseconds since 1970. scopes: comma separated. server_key: keys that seal cookies
// and tokens; they never leave the server.
const store::Migrations kMigrations = {{"identity", 1, R"sql(
CREATE TABLE organisation (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE api_key (
  id TEXT PRIMARY KEY,
  hash TEXT NOT NULL UNIQUE,
  org TEXT NOT NULL REFERENCES organisation(id) ON DELETE CASCADE,
  user_name TEXT NOT NULL,
  name TEXT NOT NULL,
  role TEXT NOT NULL CHECK (role IN ('member', 'admin')),
  scopes TEXT NOT NULL,
  masked TEXT NOT NULL,
  seeded INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  last_used_at INTEGER,
  expires_at INTEGER,
  UNIQUE (org, name)
) STRICT;
CREATE TABLE server_key (
  name TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;
CREATE TABLE signed_preview (
  hash TEXT PRIMARY KEY,
  sandbox TEXT NOT NULL,
  port INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX signed_preview_sandbox ON signed_preview (sandbox);
)sql"},
                                       // Lists: one text to a line. sealed: see seal.h.
                                       {"identity", 2, R"sql(
CREATE TABLE secret (
  id TEXT PRIMARY KEY,
  org TEXT NOT NULL REFERENCES organisation(id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  placeholder TEXT NOT NULL UNIQUE,
  hosts TEXT NOT NULL,
  methods TEXT NOT NULL,
  paths TEXT NOT NULL,
  places TEXT NOT NULL,
  header TEXT NOT NULL,
  sealed TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  UNIQUE (org, name)
) STRICT;
)sql"}};

}  // namespace cove::identity
