// Columns: the values of a row, one after the other, in the order of the SELECT. Thread: a value.
#pragma once

#include "store/db.h"

namespace cove::store {

class Columns {
 public:
  // The row must outlive it.
  explicit Columns(const Row& row) : row_(row) {}
  const Value& Next() { return row_[at_++]; }
  std::string Text() { return Next().Text(); }
  template <class T = int64_t>
  T Int() {
    return static_cast<T>(Next().Int());
  }
  double Real() { return Next().Real(); }
  WallTime Time() { return Next().Time(); }
  bool Flag() { return Next().Int() != 0; }

 private:
  const Row& row_;
  size_t at_ = 0;
};

}  // namespace cove::store
