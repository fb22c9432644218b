// Db: one connection to the database, as a unit of work sees it.
//
// SQL is the part that SQLite and PostgreSQL share; parameters are written $1, $2, … and given in
// that order. A statement is prepared once per text and kept, so texts are constants and values
// are always parameters. Thread: only the store's own, inside Store::Read and Store::Write.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/strong_id.h"

namespace cove::store {

// Null, integer, real or text (text columns hold UTF-8; bytes are stored as hexadecimal text).
class Value {
 public:
  Value() = default;
  Value(std::nullptr_t) {}
  Value(double v) : v_(v) {}
  Value(std::string v) : v_(std::move(v)) {}
  Value(std::string_view v) : v_(std::string(v)) {}
  Value(const char* v) : v_(std::string(v)) {}
  Value(WallTime v) : v_(v.micros) {}
  template <class Int>
    requires std::is_integral_v<Int>
  Value(Int v) : v_(static_cast<int64_t>(v)) {}
  template <class Tag>
  Value(const StrongId<Tag>& id) : v_(id.value) {}

  bool is_null() const { return v_.index() == 0; }
  // The value in the wanted type; zero or empty when null or of another type.
  int64_t Int() const;
  double Real() const;
  std::string Text() const;
  WallTime Time() const { return WallTime{Int()}; }

  const std::variant<std::monostate, int64_t, double, std::string>& raw() const { return v_; }

 private:
  std::variant<std::monostate, int64_t, double, std::string> v_;
};

using Params = std::vector<Value>;
using Row = std::vector<Value>;
using Rows = std::vector<Row>;

class Db {
 public:
  virtual ~Db() = default;
  // All rows of a SELECT (or of RETURNING).
  virtual Result<Rows> Query(std::string_view sql, Params params = {}) = 0;
  // Runs a statement and gives the number of rows it changed. kConflict: a UNIQUE, FOREIGN KEY or
  // CHECK constraint forbids it. kExhausted: the disk is full.
  virtual Result<int64_t> Run(std::string_view sql, Params params = {}) = 0;
};

}  // namespace cove::store
