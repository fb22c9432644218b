// The page that stands in for a preview that cannot be shown: HTML for browsers, Daytona's error
// body for programs. Thread: loop-confined.
#pragma once

#include "api/errors.h"

namespace cove::api {

Task<void> SendPreviewError(http::Exchange& exchange, Fault fault, std::string message);

// Text for an HTML page.
std::string EscapeHtml(std::string_view text);

}  // namespace cove::api
