// The price list that comes with Cove: the providers' public standard prices in US dollars for a
// million tokens, as their price pages had them on kPriceListDay. Form: prices.h.
#pragma once

#include <string_view>

namespace cove::bridge {

extern const std::string_view kPriceList;
inline constexpr std::string_view kPriceListDay = "2026-11-21";

}  // namespace cove::bridge
