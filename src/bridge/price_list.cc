#include "bridge/price_list.h"

namespace cove::bridge {

// Standard tier only: priority, flex, batch and hosted tools but Anthropic's web search have other
// prices. `from` is the day a price began to hold, for older models the day of their release.
// Sources: developers.openai.com/api/docs/pricing,
// platform.claude.com/docs/en/about-claude/pricing. Bedrock's follow from Anthropic's (prices.cc).
const std::string_view kPriceList = R"(
# provider model from above input cached cache_write output context output_max cache_write_1h web_search
openai gpt-6.2-astra      2026-11-17      0   8     0.4   10     40     1050000 128000
openai gpt-6.2-astra      2026-11-17 272000  16     0.8   20     60     1050000 128000
openai gpt-6.2-sol        2026-11-17      0   2     0.1   2.5    10     1050000 128000
openai gpt-6.2-sol        2026-11-17 272000   4     0.2   5      15     1050000 128000
openai gpt-6.1-sol        2026-09-29      0   2     0.1   2.5    10     1050000 128000
openai gpt-6.1-sol        2026-09-29 272000   4     0.2   5      15     1050000 128000
openai gpt-6-astra        2026-09-03      0  10     1     12.5   50     1050000 128000
openai gpt-6-astra        2026-09-03 272000  20     2     25     75     1050000 128000
openai gpt-6-sol          2026-09-22      0   2     0.2   2.5    10     1050000 128000
openai gpt-6-sol          2026-09-22 272000   4     0.4   5      15     1050000 128000
openai gpt-6-luna         2026-09-22      0   0.1   0.01  0.125  0.5    1050000 128000
openai gpt-6-luna         2026-09-22 272000   0.2   0.02  0.25   0.75   1050000 128000
openai gpt-5.6-sol        2026-07-09      0   5     0.5   6.25   30     1050000 128000
openai gpt-5.6-sol        2026-07-09 272000  10     1     12.5   45     1050000 128000
openai gpt-5.6-sol        2026-08-21      0   4     0.4   5      20     1050000 128000
openai gpt-5.6-sol        2026-08-21 272000   8     0.8   10     30     1050000 128000
openai gpt-5.6-terra      2026-07-30      0   2     0.2   2.5    12     1050000 128000
openai gpt-5.6-terra      2026-07-30 272000   4     0.4   5      18     1050000 128000
openai gpt-5.6-luna       2026-07-30      0   0.2   0.02  0.25   1.2    1050000 128000
openai gpt-5.6-luna       2026-07-30 200000   0.4   0.04  0.5    1.8    1050000 128000
openai gpt-5.5            2026-04-23      0   5     0.5   -      30     1050000 128000
openai gpt-5.5            2026-04-23 272000  10     1     -      45     1050000 128000
openai gpt-5.5-pro        2026-04-23      0  30     -     -      180    1050000 128000
openai gpt-5.4            2026-03-05      0   2.5   0.25  -      15     1050000 128000
openai gpt-5.4            2026-03-05 272000   5     0.5   -      22.5   1050000 128000
openai gpt-5.4-pro        2026-03-05      0  30     -     -      180    1050000 128000
openai gpt-5.4-mini       2026-03-17      0   0.75  0.075 -      4.5    400000  128000
openai gpt-5.4-nano       2026-03-17      0   0.2   0.02  -      1.25   400000  128000
openai gpt-5.3-codex      2026-02-05      0   1.75  0.175 -      14     400000  128000
openai gpt-5.2            2025-12-11      0   1.75  0.175 -      14     400000  128000
openai gpt-5.2-codex      2025-12-11      0   1.75  0.175 -      14     400000  128000
openai gpt-5.2-pro        2025-12-11      0  21     -     -      168    400000  128000
openai gpt-5.1            2025-11-13      0   1.25  0.125 -      10     400000  128000
openai gpt-5.1-codex      2025-11-13      0   1.25  0.125 -      10     400000  128000
openai gpt-5.1-codex-max  2025-11-13      0   1.25  0.125 -      10     400000  128000
openai gpt-5.1-codex-mini 2025-11-13      0   0.25  0.025 -      2      400000  128000
openai gpt-5              2025-08-07      0   1.25  0.125 -      10     400000  128000
openai gpt-5-codex        2025-08-07      0   1.25  0.125 -      10     400000  128000
openai gpt-5-mini         2025-08-07      0   0.25  0.025 -      2      400000  128000
openai gpt-5-nano         2025-08-07      0   0.05  0.005 -      0.4    400000  128000
openai gpt-5-pro          2025-08-07      0  15     -     -      120    400000  272000
openai gpt-4.1            2025-04-14      0   2     0.5   -      8      1047576 32768
openai gpt-4.1-mini       2025-04-14      0   0.4   0.1   -      1.6    1047576 32768
openai gpt-4.1-nano       2025-04-14      0   0.1   0.025 -      0.4    1047576 32768
openai gpt-4o             2024-10-01      0   2.5   1.25  -      10     128000  16384
openai gpt-4o-mini        2024-07-18      0   0.15  0.075 -      0.6    128000  16384
openai o3                 2025-06-10      0   2     0.5   -      8      200000  100000
openai o4-mini            2025-04-16      0   1.1   0.275 -      4.4    200000  100000
openai o3-mini            2025-01-31      0   1.1   0.55  -      4.4    200000  100000
openai o1                 2024-12-17      0  15     7.5   -      60     200000  100000

anthropic claude-fable-5-1   2026-09-01    0 10     0.25  12.5   50     1000000 128000 20 10
anthropic claude-fable-5     2026-06-01    0 10     1     12.5   50     1000000 128000 20 10
anthropic claude-opus-5-5    2026-09-22    0  4     0.2   5      20     1000000 128000 8 10
anthropic claude-opus-5      2026-07-24    0  5     0.5   6.25   25     1000000 128000 10 10
anthropic claude-opus-4-8    2026-05-28    0  5     0.5   6.25   25     1000000 128000 10 10
anthropic claude-opus-4-7    2026-04-16    0  5     0.5   6.25   25     1000000 128000 10 10
anthropic claude-opus-4-6    2026-02-05    0  5     0.5   6.25   25     1000000 128000 10 10
anthropic claude-opus-4-5    2025-11-24    0  5     0.5   6.25   25     200000  64000 10 10
anthropic claude-opus-4-1    2025-08-05    0 15     1.5   18.75  75     200000  32000 30 10
anthropic claude-opus-4      2025-05-22    0 15     1.5   18.75  75     200000  32000 30 10
anthropic claude-sonnet-5-5  2026-09-28    0  2     0.2   2.5    10     1000000 128000 4 10
anthropic claude-sonnet-5-5  2026-10-07    0  2     0.1   2.5    10     1000000 128000 4 10
anthropic claude-sonnet-5    2026-06-30    0  2     0.2   2.5    10     1000000 128000 4 10
anthropic claude-sonnet-4-6  2026-02-17    0  3     0.3   3.75   15     1000000 64000 6 10
anthropic claude-sonnet-4-5  2025-09-29    0  3     0.3   3.75   15     200000  64000 6 10
anthropic claude-sonnet-4    2025-05-22    0  3     0.3   3.75   15     200000  64000 6 10
anthropic claude-haiku-5-5   2026-10-07    0  0.1   0.01  0.125  0.5    1000000 128000 0.2 10
anthropic claude-haiku-5-5   2026-10-07 100000 0.5  0.05  0.625  2.5    1000000 128000 1 10
anthropic claude-haiku-4-5   2025-10-15    0  1     0.1   1.25   5      200000  64000 2 10
anthropic claude-haiku-3-5   2024-11-04    0  0.8   0.08  1      4      200000  8192 1.6 10
anthropic claude-3-5-haiku   2024-11-04    0  0.8   0.08  1      4      200000  8192 1.6 10
anthropic claude-3-haiku     2024-03-13    0  0.25  0.03  0.3    1.25   200000  4096 0.5 10
)";

}  // namespace cove::bridge
