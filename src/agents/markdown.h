// Markdown for a terminal: headings, lists, quotes, fenced code, **bold**, *italic*, `code`, links.
// A line at a time, no reflow: a terminal wraps by itself. Without style the text stays readable
// as it was written. Source: CommonMark, the part that agents use. Thread: pure functions.
#pragma once

#include "agents/terminal.h"

namespace cove::agents {

// `text` is made printable here. The result ends with a newline unless it is empty.
std::string RenderMarkdown(std::string_view text, const Style& style);

}  // namespace cove::agents
