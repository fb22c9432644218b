// Prices of model calls, with the dates from which they hold.
//
// Concept: a table of rows (provider, model, from, above). A call is priced by the newest row of
// its model that was valid when the call began and whose `above` its prompt exceeds. Rows of the
// operator come before the shipped ones. A model without a row is *unpriced*: that is told, never
// taken for free.
// Units: whole micro-dollars for a million tokens, so one token of a $1.25 model is 1.25 of them.
// Thread: values.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "bridge/usage.h"

namespace cove::bridge {

// Micro-dollars.
using Micros = int64_t;

struct Price {
  std::string provider;  // its name in the configuration
  std::string model;     // as requests name it, "*" at its end stands for any rest
  std::string from;      // "2026-11-17", the first day (UTC) on which it holds
  int64_t above = 0;     // holds for prompts of more tokens than this
  Micros input = 0;
  Micros cached = 0;
  Micros cache_write = 0;
  Micros output = 0;
  Micros cache_write_1h = 0;            // for what is kept for an hour
  Micros web_search = 0;                // for one that the provider made; not for a million
  int64_t context = kContextDefault;    // the most tokens a prompt can have
  int64_t output_max = kOutputDefault;  // the most tokens an answer can have
  static constexpr int64_t kContextDefault = 1'050'000;
  static constexpr int64_t kOutputDefault = 128'000;
  static constexpr int64_t kSearches = 1000;  // for so many their prices are written
};

// Rounded up: what was used is never free by rounding.
Micros CostOf(const Price& price, const Usage& usage);

class PriceTable {
 public:
  // Lines of fields between blanks: provider model from above input cached cache_write output
  // context output_max, and where they are not the same as cache_write and nothing: cache_write_1h
  // web_search. Prices in dollars for a million tokens, of searches for a thousand, "-" for what
  // the model does not have (it then costs what input costs, a write for an hour what others cost),
  // '#' begins a comment. kInvalid names the line.
  static Result<PriceTable> Parse(std::string_view text, std::string_view name);
  // The list that comes with this version.
  static const PriceTable& Shipped();

  // kInvalid for a row that makes no sense.
  Result<void> Add(Price price);
  // Rows of `other` count where this has none for a model.
  void Fallback(const PriceTable& other) { fallback_ = other.rows_; }

  // Null: unpriced. The pointer lives as long as the table is not changed. A model that ends in a
  // date ("-2026-04-23", "-20260423") is also found by its name without it, one of Bedrock's by its
  // plain name (bedrock.h), with "global." before it where its profile is.
  const Price* Find(std::string_view provider, std::string_view model, WallTime when,
                    int64_t prompt_tokens) const;
  const std::vector<Price>& rows() const { return rows_; }

 private:
  const Price* FindNamed(std::string_view provider, std::string_view model, std::string_view day,
                         int64_t prompt_tokens) const;

  std::vector<Price> rows_;
  std::vector<Price> fallback_;
};

// "1.25" dollars as 1250000; nothing for what is no such number, is negative or over a million.
std::optional<Micros> ParseDollars(std::string_view text);

}  // namespace cove::bridge
