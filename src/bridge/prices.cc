#include "bridge/prices.h"

#include <algorithm>
#include <cctype>

#include "base/text.h"
#include "bridge/bedrock.h"
#include "bridge/price_list.h"

namespace cove::bridge {
namespace {

constexpr Micros kMicrosPerDollar = 1'000'000;
constexpr Micros kPriceMax = 1'000'000 * kMicrosPerDollar;
constexpr int64_t kTokensPerPrice = 1'000'000;

bool IsDigits(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "2026-11-17".
bool IsDate(std::string_view text) {
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && IsDigits(text.substr(0, 4)) &&
         IsDigits(text.substr(5, 2)) && IsDigits(text.substr(8, 2));
}

// One that the calendar has.
bool IsDay(std::string_view text) {
  const auto number = [&](size_t at, size_t n) {
    return ParseInt<unsigned>(text.substr(at, n)).value_or(0);
  };
  return IsDate(text) && std::chrono::year_month_day(
                             std::chrono::year(static_cast<int>(number(0, 4))),
                             std::chrono::month(number(5, 2)), std::chrono::day(number(8, 2)))
                             .ok();
}

// The model's name without the date of its snapshot.
std::string_view WithoutDate(std::string_view model) {
  constexpr size_t kLong = sizeof("-2026-11-17") - 1;
  constexpr size_t kShort = sizeof("-20261117") - 1;
  if (model.size() > kLong && IsDate(model.substr(model.size() - kLong + 1)) &&
      model[model.size() - kLong] == '-') {
    return model.substr(0, model.size() - kLong);
  }
  if (model.size() > kShort && model[model.size() - kShort] == '-' &&
      IsDigits(model.substr(model.size() - kShort + 1))) {
    return model.substr(0, model.size() - kShort);
  }
  return model;
}

// How well the row fits the model: its name's length and one, or 0 if not at all.
size_t Fit(const Price& row, std::string_view provider, std::string_view model) {
  if (row.provider != provider) return 0;
  if (row.model.ends_with('*')) {
    const std::string_view stem = std::string_view(row.model).substr(0, row.model.size() - 1);
    return model.starts_with(stem) ? stem.size() + 1 : 0;
  }
  // A full name goes before any pattern.
  constexpr size_t kWhole = 1 << 20;
  if (row.model == model) return 2 * kWhole;
  return row.model == WithoutDate(model) ? kWhole : 0;
}

// The day, UTC, as rows name it. Calls of one day follow one another.
std::string_view DayText(WallTime when) {
  constexpr int64_t kDayMicros = 86'400'000'000;
  thread_local int64_t known = -1;
  thread_local std::string text;
  if (const int64_t day = when.micros / kDayMicros; day != known) {
    text = FormatIso(when).substr(0, sizeof("2026-11-17") - 1);
    known = day;
  }
  return text;
}

const Price* FindIn(const std::vector<Price>& rows, std::string_view provider,
                    std::string_view model, std::string_view day, int64_t prompt_tokens) {
  const Price* best = nullptr;
  auto rank = [&](const Price& row) {
    return std::tuple(Fit(row, provider, model), std::string_view(row.from), row.above);
  };
  for (const Price& row : rows) {
    if (row.from > day || prompt_tokens < row.above + (row.above > 0 ? 1 : 0)) continue;
    if (Fit(row, provider, model) == 0) continue;
    // Of two rows alike the later one counts.
    if (best == nullptr || rank(row) >= rank(*best)) best = &row;
  }
  return best;
}

std::vector<std::string_view> Fields(std::string_view line) {
  std::vector<std::string_view> out;
  for (std::string_view field : Split(line, ' ')) {
    if (!field.empty()) out.push_back(field);
  }
  return out;
}

Result<Price> ParseRow(const std::vector<std::string_view>& fields) {
  constexpr size_t kFields = 10;
  if (fields.size() < kFields || fields.size() > kFields + 2) {
    return Error(Code::kInvalid,
                 "wants provider model from above input cached cache_write output context "
                 "output_max, and may have cache_write_1h web_search");
  }
  const auto more = [&fields](size_t at) {
    return at < fields.size() ? fields[at] : std::string_view("-");
  };
  Price row;
  row.provider = fields[0];
  row.model = fields[1];
  row.from = fields[2];
  const auto input = ParseDollars(fields[4]);
  auto or_input = [&input](std::string_view text) {
    return text == "-" ? input : ParseDollars(text);
  };
  const auto cached = or_input(fields[5]);
  const auto write = or_input(fields[6]);
  const auto output = ParseDollars(fields[7]);
  const auto write_1h = more(kFields) == "-" ? write : ParseDollars(more(kFields));
  const auto searches = more(kFields + 1) == "-" ? 0 : ParseDollars(more(kFields + 1));
  const auto above = ParseInt<int64_t>(fields[3]);
  const auto context = ParseInt<int64_t>(fields[8]);
  const auto output_max = ParseInt<int64_t>(fields[9]);
  if (!input || !cached || !write || !output || !write_1h || !searches) {
    return Error(Code::kInvalid, "a price is dollars for a million tokens, like 1.25");
  }
  if (!above || !context || !output_max) {
    return Error(Code::kInvalid, "above, context and output_max are numbers of tokens");
  }
  row.above = *above;
  row.input = *input;
  row.cached = *cached;
  row.cache_write = *write;
  row.output = *output;
  row.cache_write_1h = *write_1h;
  row.web_search = *searches / Price::kSearches;
  row.context = *context;
  row.output_max = *output_max;
  return row;
}

}  // namespace

Micros CostOf(const Price& price, const Usage& usage) {
  // At most 2^40 tokens of at most 2^40 micros each: the sum is taken in a wider type.
  const auto part = [](int64_t tokens, Micros rate) {
    return static_cast<__int128>(std::max<int64_t>(tokens, 0)) * rate;
  };
  const int64_t long_lived = std::min(usage.cache_write_1h, usage.cache_write);
  const __int128 sum = part(usage.input, price.input) + part(usage.cached, price.cached) +
                       part(usage.cache_write - long_lived, price.cache_write) +
                       part(long_lived, price.cache_write_1h) + part(usage.output, price.output) +
                       part(usage.web_searches, price.web_search) * kTokensPerPrice;
  const __int128 micros = (sum + kTokensPerPrice - 1) / kTokensPerPrice;
  return static_cast<Micros>(std::min<__int128>(micros, INT64_MAX / 4));
}

Result<PriceTable> PriceTable::Parse(std::string_view text, std::string_view name) {
  PriceTable out;
  size_t number = 0;
  for (std::string_view line : Split(text, '\n')) {
    ++number;
    line = line.substr(0, line.find('#'));
    std::string plain(Trim(line));
    std::replace(plain.begin(), plain.end(), '\t', ' ');
    if (plain.empty()) continue;
    auto row = ParseRow(Fields(plain));
    auto added = row ? out.Add(*std::move(row)) : Result<void>(std::move(row).error());
    if (!added) {
      return std::move(added).error().Wrap(std::string(name) + ":" + std::to_string(number));
    }
  }
  return out;
}

namespace {

// "Third-party platform pricing" of Anthropic's page: from the 4.5 models on global profiles cost
// what Anthropic asks, all others a tenth more; older models cost the same everywhere. Anthropic's
// web search is not offered there.
void AddBedrock(std::vector<Price>& rows) {
  constexpr std::string_view kRegionsSince = "2025-09-29";
  const size_t before = rows.size();
  for (size_t i = 0; i < before; ++i) {
    if (rows[i].provider != "anthropic") continue;
    Price price = rows[i];
    price.provider = "bedrock";
    price.web_search = 0;
    if (price.from >= kRegionsSince) {
      Price global = price;
      global.model = "global." + price.model;
      rows.push_back(std::move(global));
      for (Micros Price::* rate : {&Price::input, &Price::cached, &Price::cache_write,
                                   &Price::output, &Price::cache_write_1h}) {
        price.*rate += price.*rate / 10;
      }
    }
    rows.push_back(std::move(price));
  }
}

}  // namespace

const PriceTable& PriceTable::Shipped() {
  // A shipped list that cannot be read is a broken build: its test says so.
  static const PriceTable table = [] {
    PriceTable list = *Parse(kPriceList, "the shipped price list");
    AddBedrock(list.rows_);
    return list;
  }();
  return table;
}

Result<void> PriceTable::Add(Price price) {
  if (price.provider.empty() || price.model.empty()) {
    return Error(Code::kInvalid, "a price needs a provider and a model");
  }
  if (price.model.find('*') < price.model.size() - 1) {
    return Error(Code::kInvalid, "'*' may only stand at the end of a model's name");
  }
  if (!IsDay(price.from)) {
    return Error(Code::kInvalid, "from must be a day like 2026-11-17");
  }
  if (price.above < 0 || price.context < 1 || price.output_max < 1) {
    return Error(Code::kInvalid, "above, context and output_max are numbers of tokens");
  }
  rows_.push_back(std::move(price));
  return Ok();
}

const Price* PriceTable::Find(std::string_view provider, std::string_view model, WallTime when,
                              int64_t prompt_tokens) const {
  const std::string_view day = DayText(when);
  const Price* found = FindNamed(provider, model, day, prompt_tokens);
  if (found != nullptr) return found;
  const std::string plain = PlainModel(model);
  if (plain.empty()) return nullptr;
  if (IsGlobalProfile(model)) found = FindNamed(provider, "global." + plain, day, prompt_tokens);
  return found != nullptr ? found : FindNamed(provider, plain, day, prompt_tokens);
}

const Price* PriceTable::FindNamed(std::string_view provider, std::string_view model,
                                   std::string_view day, int64_t prompt_tokens) const {
  const Price* own = FindIn(rows_, provider, model, day, prompt_tokens);
  return own != nullptr ? own : FindIn(fallback_, provider, model, day, prompt_tokens);
}

std::optional<Micros> ParseDollars(std::string_view text) {
  const size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  std::string fraction(point == std::string_view::npos ? "" : text.substr(point + 1));
  if (!IsDigits(whole) || whole.size() > 7 || fraction.size() > 6) return std::nullopt;
  if (point != std::string_view::npos && !IsDigits(fraction)) return std::nullopt;
  fraction.resize(6, '0');
  const Micros out = *ParseInt<int64_t>(whole) * kMicrosPerDollar + *ParseInt<int64_t>(fraction);
  if (out > kPriceMax) return std::nullopt;
  return out;
}

}  // namespace cove::bridge
