#include "store/db.h"

namespace cove::store {

int64_t Value::Int() const {
  const auto* v = std::get_if<int64_t>(&v_);
  return v == nullptr ? 0 : *v;
}

double Value::Real() const {
  if (const auto* v = std::get_if<double>(&v_)) return *v;
  return static_cast<double>(Int());
}

std::string Value::Text() const {
  const auto* v = std::get_if<std::string>(&v_);
  return v == nullptr ? std::string() : *v;
}

}  // namespace cove::store
