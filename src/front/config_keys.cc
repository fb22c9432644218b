#include "front/config_keys.h"

#include <fmt/format.h>

#include "base/text.h"
#include "bridge/spans.h"
#include "policy/registries.h"

namespace cove::front {
namespace {

using Set = std::function<Result<void>(Config&, const ConfigValue&, const std::string&)>;

Error Want(std::string_view what) { return Error(Code::kInvalid, "wants " + std::string(what)); }

Result<std::string> AsText(const ConfigValue& v) {
  if (const auto* text = std::get_if<std::string>(&v)) return *text;
  return Want("a text in quotes");
}

Result<double> AsNumber(const ConfigValue& v, double least, double most) {
  double number = 0;
  if (const auto* i = std::get_if<int64_t>(&v)) {
    number = static_cast<double>(*i);
  } else if (const auto* d = std::get_if<double>(&v)) {
    number = *d;
  } else {
    return Want("a number");
  }
  if (number >= least && number <= most) return number;
  return Want(fmt::format("a number from {:g} to {:g}", least, most));
}

// `pick` says where in Config the value belongs.
template <class Pick>
Set Number(Pick pick, double least, double most) {
  return [=](Config& c, const ConfigValue& v, const std::string&) -> Result<void> {
    ASSIGN_OR_RETURN(pick(c), AsNumber(v, least, most));
    return Ok();
  };
}

Result<int64_t> AsWhole(const ConfigValue& v, double least, double most) {
  if (!std::holds_alternative<int64_t>(v)) return Want("a whole number");
  ASSIGN_OR_RETURN(const double number, AsNumber(v, least, most));
  return static_cast<int64_t>(number);
}

Result<bool> AsFlag(const ConfigValue& v) {
  if (const auto* flag = std::get_if<bool>(&v)) return *flag;
  return Want("true or false");
}

template <class Pick>
Set Whole(Pick pick, double least, double most) {
  return [=](Config& c, const ConfigValue& v, const std::string&) -> Result<void> {
    ASSIGN_OR_RETURN(const int64_t number, AsWhole(v, least, most));
    using T = std::remove_reference_t<decltype(pick(c))>;
    pick(c) = static_cast<T>(number);
    return Ok();
  };
}

template <class Pick>
Set Text(Pick pick) {
  return [=](Config& c, const ConfigValue& v, const std::string&) -> Result<void> {
    ASSIGN_OR_RETURN(pick(c), AsText(v));
    return Ok();
  };
}

Result<void> SetPublicUrl(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(c.public_url, AsText(v));
  while (c.public_url.ends_with('/')) c.public_url.pop_back();
  if (c.public_url.empty()) return Ok();
  const auto url = http::Url::Parse(c.public_url);
  if (url && (url->scheme == "http" || url->scheme == "https")) return Ok();
  return Want("a URL, for example \"https://cove.example.com\"");
}

Result<void> SetCollector(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(c.collector, AsText(v));
  if (c.collector.empty() || bridge::CollectorUrl(c.collector)) return Ok();
  return Want("the URL of a collector, for example \"http://127.0.0.1:4318\"");
}

Result<void> SetLogLevel(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string name, AsText(v));
  const auto level = log::ParseLevel(name);
  if (!level) return Want("\"debug\", \"info\", \"warn\" or \"error\"");
  c.log_level = *level;
  return Ok();
}

Result<void> SetRegistries(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string mode, AsText(v));
  if (mode == "host") {
    c.registries = policy::RegistryMode::kHost;
  } else if (mode == "none") {
    c.registries = policy::RegistryMode::kNone;
  } else {
    return Want("\"host\" or \"none\"");
  }
  return Ok();
}

Result<void> SetAuditDisk(Config& c, const ConfigValue& v, const std::string&) {
  constexpr double kLeast = 0.25;  // some files: the one that is written stays
  ASSIGN_OR_RETURN(c.audit_gib, AsNumber(v, 0, 1e6));
  if (c.audit_gib == 0 || c.audit_gib >= kLeast) return Ok();
  return Want("0, or a number from 0.25");
}

Result<void> SetActivity(Config& c, const ConfigValue& v, const std::string&) {
  constexpr std::string_view kWanted =
      "a list of \"api\", \"preview\", \"terminal\", \"command\" and \"model\"";
  const auto* list = std::get_if<std::vector<std::string>>(&v);
  if (list == nullptr) return Want(kWanted);
  c.control.activity.clear();
  for (const std::string& name : *list) {
    const auto activity = control::ParseActivity(name);
    if (!activity) return Want(kWanted);
    c.control.activity.insert(*activity);
  }
  return Ok();
}

Result<void> SetResumeOnUse(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(c.control.resume_on_use, AsFlag(v));
  return Ok();
}

Result<void> SetProfile(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string name, AsText(v));
  const auto profile = proto::ParseProfile(name);
  if (!profile) return Want("\"default\" or \"strict\"");
  c.control.host_profile = *profile;
  return Ok();
}

bridge::ProviderConfig& ProviderNamed(Config& c, const std::string& name) {
  for (bridge::ProviderConfig& p : c.providers) {
    if (p.name == name) return p;
  }
  bridge::ProviderConfig& fresh = c.providers.emplace_back();
  fresh.name = name;
  for (const bridge::ProviderConfig& known : bridge::DefaultProviders()) {
    if (known.name == name) fresh = known;
  }
  return fresh;
}

Set ProviderText(std::string bridge::ProviderConfig::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& name) -> Result<void> {
    ASSIGN_OR_RETURN(ProviderNamed(c, name).*member, AsText(v));
    return Ok();
  };
}

Result<void> SetTexts(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string name, AsText(v));
  const auto mode = bridge::ParseTextMode(name);
  if (!mode) return Want("\"all\", \"redacted\" or \"none\"");
  c.books.texts = *mode;
  return Ok();
}

Result<void> SetWebSocket(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string name, AsText(v));
  if (name != "serve" && name != "refuse") return Want("\"serve\" or \"refuse\"");
  using enum bridge::WireSettings::WebSocket;
  c.wire.websocket = name == "serve" ? kServe : kRefuse;
  return Ok();
}

Result<void> SetAskUsage(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const bool flag, AsFlag(v));
  c.wire.ask_usage = flag ? bridge::AskUsage::kYes : bridge::AskUsage::kNo;
  return Ok();
}

Result<void> SetAlias(Config& c, const ConfigValue& v, const std::string& alias) {
  ASSIGN_OR_RETURN(c.wire.aliases[alias], AsText(v));
  if (!c.wire.aliases[alias].empty()) return Ok();
  return Want("the name of a model");
}

Result<std::vector<std::string>> AsTexts(const ConfigValue& v) {
  if (const auto* list = std::get_if<std::vector<std::string>>(&v)) return *list;
  if (const auto* text = std::get_if<std::string>(&v)) return std::vector<std::string>{*text};
  return Want("a text in quotes or a list of them");
}

Set ProviderTexts(std::vector<std::string> bridge::ProviderConfig::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& name) -> Result<void> {
    ASSIGN_OR_RETURN(ProviderNamed(c, name).*member, AsTexts(v));
    return Ok();
  };
}

Set ProviderSeconds(Duration bridge::ProviderTimeouts::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& name) -> Result<void> {
    ASSIGN_OR_RETURN(const double number, AsNumber(v, 0.001, 86400));
    ProviderNamed(c, name).timeouts.*member =
        std::chrono::duration_cast<Duration>(std::chrono::duration<double>(number));
    return Ok();
  };
}

Result<void> SetProviderRetries(Config& c, const ConfigValue& v, const std::string& name) {
  ASSIGN_OR_RETURN(const int64_t number, AsWhole(v, 0, 5));
  ProviderNamed(c, name).retries = static_cast<int>(number);
  return Ok();
}

Result<void> SetProviderForward(Config& c, const ConfigValue& v, const std::string& name) {
  ASSIGN_OR_RETURN(ProviderNamed(c, name).forward_agent_credentials, AsFlag(v));
  return Ok();
}

Result<void> SetAiMode(Config& c, const ConfigValue& v, const std::string&) {
  using enum bridge::TapeConfig::Mode;
  ASSIGN_OR_RETURN(const std::string mode, AsText(v));
  if (mode != "live" && mode != "record" && mode != "replay") {
    return Want("\"live\", \"record\" or \"replay\"");
  }
  c.tape.mode = mode == "live" ? kLive : mode == "record" ? kRecord : kReplay;
  return Ok();
}

Result<void> SetCassetteMatch(Config& c, const ConfigValue& v, const std::string&) {
  ASSIGN_OR_RETURN(const std::string match, AsText(v));
  if (match != "exact" && match != "order") return Want("\"exact\" or \"order\"");
  c.tape.match =
      match == "exact" ? bridge::Cassette::Match::kExact : bridge::Cassette::Match::kOrder;
  return Ok();
}

template <class Pick>
Set Texts(Pick pick) {
  return [=](Config& c, const ConfigValue& v, const std::string&) -> Result<void> {
    ASSIGN_OR_RETURN(pick(c), AsTexts(v));
    return Ok();
  };
}

PriceConfig& PriceNumbered(Config& c, const std::string& number) {
  return c.prices[ParseInt<size_t>(number).value_or(0)];  // it matched [], so it is one
}

template <class T>
Set PriceText(T bridge::Price::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& number) -> Result<void> {
    ASSIGN_OR_RETURN(PriceNumbered(c, number).price.*member, AsText(v));
    return Ok();
  };
}

Set PriceTokens(int64_t bridge::Price::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& number) -> Result<void> {
    ASSIGN_OR_RETURN(PriceNumbered(c, number).price.*member, AsWhole(v, 0, 1e12));
    return Ok();
  };
}

// Dollars for a million tokens, at most six digits after the point.
Set PriceDollars(std::optional<bridge::Micros> PriceConfig::* member) {
  return [=](Config& c, const ConfigValue& v, const std::string& number) -> Result<void> {
    ASSIGN_OR_RETURN(const double dollars, AsNumber(v, 0, 1e6));
    PriceNumbered(c, number).*member = bridge::ParseDollars(fmt::format("{:.6f}", dollars));
    return Ok();
  };
}

constexpr double kYears = 10.0 * 366 * 24 * 60;  // minutes

const ConfigKey kKeys[] = {
    {"server.public_url", "text", "as the client's Host header says",
     "Where clients reach this server, if a proxy stands before it.", SetPublicUrl},
    {"server.log_level", "text", "\"info\"",
     "The least important lines that are logged: debug, info, warn or error.", SetLogLevel},
    {"server.target", "text", "\"local\"",
     "The name of this machine's region: what clients may give as `target`, and what sandboxes see "
     "as DAYTONA_REGION_ID.",
     Text([](Config& c) -> auto& { return c.control.target; })},
    {"defaults.snapshot", "text", "\"host\"",
     "The snapshot of sandboxes that name none. `host` is this machine's own software, captured.",
     Text([](Config& c) -> auto& { return c.control.default_snapshot; })},
    {"defaults.profile", "text", "\"default\"",
     "The profile of sandboxes made from `host`: `default` or `strict` (see the guide). A create "
     "request may ask for `strict`, never for less.",
     SetProfile},
    {"defaults.cpu", "number, cores", "1", "CPU of a sandbox that asks for none.",
     Number([](Config& c) -> auto& { return c.control.defaults.cpu; }, 0.1, 4096)},
    {"defaults.memory_gib", "number, GiB", "1", "Memory of a sandbox that asks for none.",
     Number([](Config& c) -> auto& { return c.control.defaults.memory_gib; }, 0.125, 65536)},
    {"defaults.disk_gib", "number, GiB", "3", "Disk of a sandbox that asks for none.",
     Number([](Config& c) -> auto& { return c.control.defaults.disk_gib; }, 0.1, 1048576)},
    {"defaults.auto_stop_minutes", "minutes", "15",
     "A sandbox that nobody uses and in which no command runs is stopped after this; 0: never.",
     Whole([](Config& c) -> auto& { return c.control.intervals.auto_stop; }, 0, kYears)},
    {"defaults.auto_delete_minutes", "minutes", "-1",
     "A stopped sandbox is deleted after this; 0: as soon as it stops; -1: never.",
     Whole([](Config& c) -> auto& { return c.control.intervals.auto_delete; }, -1, kYears)},
    {"defaults.auto_archive_minutes", "minutes", "10080",
     "What clients are told as the archive interval; sandboxes on one machine stay where they are.",
     Whole([](Config& c) -> auto& { return c.control.intervals.auto_archive; }, 0, kYears)},
    {"defaults.auto_pause_minutes", "minutes", "0",
     "A sandbox that nobody uses and in which no command runs is paused after this; 0: never. At "
     "most one of this and auto_stop_minutes is on.",
     Whole([](Config& c) -> auto& { return c.control.intervals.auto_pause; }, 0, kYears)},
    {"idle.activity", "list", "[\"api\", \"preview\", \"terminal\", \"command\", \"model\"]",
     "What keeps a sandbox from being idle for auto-stop and auto-pause: `api`, a request to what "
     "is "
     "inside is under way; `preview`, the same to a port inside; `terminal`, a client is attached "
     "to "
     "a terminal; `command`, a command that was started through the API runs, attached or not; "
     "`model`, something inside calls a model. Processes in the background never count.",
     SetActivity},
    {"idle.resume_on_use", "true or false", "false",
     "Whether a request to what is inside, or to a port, resumes a paused sandbox; else it is "
     "refused with the advice to start it.",
     SetResumeOnUse},
    {"limits.cpu_max", "number, cores", "what the machine has", "The most one sandbox may ask for.",
     Number([](Config& c) -> auto& { return c.control.cpu_max; }, 0, 4096)},
    {"limits.memory_gib_max", "number, GiB", "what the machine has",
     "The most one sandbox may ask for.",
     Number([](Config& c) -> auto& { return c.control.memory_gib_max; }, 0, 65536)},
    {"limits.disk_gib_max", "number, GiB", "half of the sandboxes' disk",
     "The most one sandbox may ask for.",
     Number([](Config& c) -> auto& { return c.control.disk_gib_max; }, 0, 1048576)},
    {"limits.memory_overcommit", "number", "4",
     "How much memory may be promised to running sandboxes in all, as a multiple of the machine's.",
     Number([](Config& c) -> auto& { return c.control.memory_overcommit; }, 0.01, 1000)},
    {"limits.disk_overcommit", "number", "16",
     "How much disk may be promised to sandboxes in all, as a multiple of their disk's size.",
     Number([](Config& c) -> auto& { return c.control.disk_overcommit; }, 0.01, 1000)},
    {"limits.io_weight_max", "number", "100",
     "The most share of the disk's time that one sandbox may ask for; without asking it has 100.",
     Whole([](Config& c) -> auto& { return c.control.io_weight_max; }, 1, 10000)},
    {"limits.pids", "number", "1024",
     "Processes and threads in one sandbox. A sandbox may ask for fewer.",
     Whole([](Config& c) -> auto& { return c.control.pids; }, 16, 4194304)},
    {"limits.sandboxes", "number", "10000", "Sandboxes on this machine.",
     Whole([](Config& c) -> auto& { return c.control.sandboxes_max; }, 1, 100000)},
    {"pool.size", "number", "0",
     "Boxes of `defaults.snapshot` that are kept ready, so that a create that asks for the default "
     "resources finds one. Each holds its memory and disk limits until it is needed elsewhere.",
     Whole([](Config& c) -> auto& { return c.control.pool_size; }, 0, control::kWarmPoolMax)},
    {"policy.registries", "text", "\"host\"",
     "`host`: sandboxes may reach the package registries that this machine is set up for (npm, "
     "pip, apt). `none`: they may not.",
     SetRegistries},
    {"audit.disk_gib", "number, GiB", "4",
     "How much disk the audit may take. Over it the oldest file (64 MiB) is removed, which a "
     "record in the chain says. 0: none ever is, and a full disk refuses all connections.",
     SetAuditDisk},
    {"ai.texts", "text", "\"redacted\"",
     "What is kept of model calls besides their numbers: prompts of humans, what tools are called "
     "with, summaries of reasoning. `all`: as they are. `redacted`: without what looks like a "
     "secret. `none`: no text, only which tools were called.",
     SetTexts},
    {"ai.websocket", "text", "\"serve\"",
     "`serve`: agents may speak with a provider of kind openai over the Responses WebSocket. "
     "`refuse`: they are sent to plain HTTP.",
     SetWebSocket},
    {"ai.ask_usage", "true or false", "true",
     "Chat completions that stream and do not ask for their usage are made to; the agent does not "
     "see it. Without, such calls are counted as \"usage unknown\". For providers that refuse "
     "`stream_options`.",
     SetAskUsage},
    {"ai.mode", "text", "\"live\"",
     "`live`: providers are asked. `record`: and what they answer is kept on `cassette`. `replay`: "
     "answers come from `cassette` and no provider is asked, nor a key needed.",
     SetAiMode},
    {"ai.cassette", "path", "none",
     "The file for `mode` (docs/formats/cassette.md), readable and to record writable for the "
     "front's user (61800). It holds no requests and no credentials.",
     Text([](Config& c) -> auto& { return c.tape.path; })},
    {"ai.cassette_match", "text", "\"exact\"",
     "How a replayed call finds its answer: `exact`, the same request but for labels; `order`, the "
     "next one of its route, from the start for each sandbox.",
     SetCassetteMatch},
    {"ai.retention_days", "number, days", "60",
     "Rows of model calls that are older are removed, a few at a time; 0: never. What budgets have "
     "counted stays.",
     Whole([](Config& c) -> auto& { return c.books.retention_days; }, 0, 36600)},
    {"ai.calls_per_minute", "number", "0",
     "Model calls that one caller (a sandbox, or outside an API key with its tokens) may make in a "
     "minute; more are refused with 429 and Retry-After; 0: no limit.",
     Whole([](Config& c) -> auto& { return c.books.rates.per_minute; }, 0, 1e6)},
    {"ai.calls_at_once", "number", "0",
     "Model calls that one caller may have under way; 0: no limit.",
     Whole([](Config& c) -> auto& { return c.books.rates.at_once; }, 0, 1e6)},
    {"ai.calls_at_once_total", "number", "0",
     "Model calls that all callers together may have under way; 0: no limit.",
     Whole([](Config& c) -> auto& { return c.books.rates.at_once_total; }, 0, 1e6)},
    {"ai.price_file", "path", "none",
     "A file of prices, readable for the front's user (61800): see [models.md](models.md).",
     Text([](Config& c) -> auto& { return c.price_file; })},
    {"ai.aliases.MODEL", "text", "none",
     "The model that a provider is asked for when an agent asks for MODEL.", SetAlias},
    {"ai.guard.models", "list", "every model",
     "The models that agents may use, as patterns: `*` stands for any characters.",
     Texts([](Config& c) -> auto& { return c.guard.models; })},
    {"ai.guard.deny_models", "list", "none", "Models that they may not use; wins over `models`.",
     Texts([](Config& c) -> auto& { return c.guard.deny_models; })},
    {"ai.guard.hosted_tools", "list", "every one",
     "What a request may let the provider run or fetch by itself: `web_search`, `web_fetch`, `mcp` "
     "(remote servers), `urls` (files and images by URL), `code`, `file_search`, "
     "`image_generation`, `stored_prompts`, or the type of another tool. An empty list: nothing.",
     Texts([](Config& c) -> auto& { return c.guard.hosted_tools.emplace(); })},
    {"ai.guard.deny_parameters", "list", "none",
     "Fields that a request may not have (`store`, `reasoning.effort`), or not with a value "
     "(`service_tier=priority`).",
     Texts([](Config& c) -> auto& { return c.guard.deny_parameters; })},
    {"ai.providers.NAME.kind", "text", "of openai and anthropic: their own",
     "The protocol of a model provider: openai, anthropic or bedrock.",
     ProviderText(&bridge::ProviderConfig::kind)},
    {"ai.providers.NAME.base_url", "text", "the public one",
     "Where it is. For openai with the version (…/v1), for the others without.",
     ProviderText(&bridge::ProviderConfig::base_url)},
    {"ai.providers.NAME.region", "text", "AWS_REGION", "Of AWS, for kind bedrock: \"us-east-1\".",
     ProviderText(&bridge::ProviderConfig::region)},
    {"ai.providers.NAME.api_key_env", "text or list", "OPENAI_API_KEY, ANTHROPIC_API_KEY",
     "The variable of the server's environment that holds its key, named ..._API_KEY or "
     "..._AUTH_TOKEN. Sandboxes never see the key. "
     "Several: where the provider refuses one (401, 403, 429), the next one is used. Of kind "
     "bedrock: an API key of Bedrock, or ACCESS_KEY_ID:SECRET_ACCESS_KEY[:SESSION_TOKEN]; when "
     "neither this nor `api_key_file` is given, AWS_BEARER_TOKEN_BEDROCK or AWS_ACCESS_KEY_ID, "
     "AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN.",
     ProviderTexts(&bridge::ProviderConfig::api_key_env)},
    {"ai.providers.NAME.api_key_file", "path or list", "none",
     "A file that holds the key, readable for the front's user (61800), or several; wins over the "
     "variables.",
     ProviderTexts(&bridge::ProviderConfig::api_key_file)},
    {"ai.providers.NAME.account", "text", "none",
     "ChatGPT's account id, where the key is an access token of its login and `base_url` its "
     "backend.",
     ProviderText(&bridge::ProviderConfig::account)},
    {"ai.providers.NAME.headers", "list", "none",
     "Fields that each request gets, as \"Name: value\", in place of the agent's of that name.",
     ProviderTexts(&bridge::ProviderConfig::headers)},
    {"ai.providers.NAME.proxy", "URL", "none",
     "The HTTP proxy through which it is reached (CONNECT): \"http://host:port\".",
     ProviderText(&bridge::ProviderConfig::proxy)},
    {"ai.providers.NAME.ca_file", "path", "the system's authorities",
     "Certificates (PEM) to trust for it instead of the system's.",
     ProviderText(&bridge::ProviderConfig::ca_file)},
    {"ai.providers.NAME.connect_timeout_s", "number, seconds", "15",
     "For its name, the proxy, TCP and TLS together.",
     ProviderSeconds(&bridge::ProviderTimeouts::connect)},
    {"ai.providers.NAME.first_byte_timeout_s", "number, seconds", "600", "Until its answer begins.",
     ProviderSeconds(&bridge::ProviderTimeouts::head)},
    {"ai.providers.NAME.idle_timeout_s", "number, seconds", "300",
     "Between two pieces of its answer.", ProviderSeconds(&bridge::ProviderTimeouts::body)},
    {"ai.providers.NAME.retries", "number", "1",
     "How often a call is sent again after a try in which the provider did nothing: no connection "
     "came about, or it refused with 429, 503 or 529 and a Retry-After of at most 5 s. What may "
     "have arrived otherwise is never sent twice.",
     SetProviderRetries},
    {"ai.providers.NAME.fallback", "text", "none",
     "The provider of the same kind that takes the calls which this one cannot: it is not reached, "
     "refuses with 429, 503 or 529, or is left alone after five such refusals in a row.",
     ProviderText(&bridge::ProviderConfig::fallback)},
    {"ai.providers.NAME.forward_agent_credentials", "true or false", "false",
     "Whether a key that an agent inside a sandbox sends is passed on and used instead of the "
     "server's. Without it, what agents send as a credential never leaves.",
     SetProviderForward},
    {"ai.prices.[].provider", "text", "must be given", "The provider's name, as in its table.",
     PriceText(&bridge::Price::provider)},
    {"ai.prices.[].model", "text", "must be given",
     "The model, as requests name it; a `*` at the end stands for any rest.",
     PriceText(&bridge::Price::model)},
    {"ai.prices.[].from", "text, a day", "\"1970-01-01\"",
     "The first day (UTC) on which the price holds.", PriceText(&bridge::Price::from)},
    {"ai.prices.[].above", "number, tokens", "0",
     "The price is for calls whose prompt has more tokens than this.",
     PriceTokens(&bridge::Price::above)},
    {"ai.prices.[].input", "number, dollars for a million tokens", "must be given",
     "What input costs that is not from the provider's cache.", PriceDollars(&PriceConfig::input)},
    {"ai.prices.[].cached", "number, dollars for a million tokens", "as input",
     "What input costs that is read from the cache.", PriceDollars(&PriceConfig::cached)},
    {"ai.prices.[].cache_write", "number, dollars for a million tokens", "as input",
     "What input costs that is written to the cache.", PriceDollars(&PriceConfig::cache_write)},
    {"ai.prices.[].cache_write_1h", "number, dollars for a million tokens", "as cache_write",
     "The same, to be kept there for an hour.", PriceDollars(&PriceConfig::cache_write_1h)},
    {"ai.prices.[].web_search", "number, dollars for a thousand", "0",
     "What searches cost that the provider made.", PriceDollars(&PriceConfig::web_search)},
    {"ai.prices.[].output", "number, dollars for a million tokens", "must be given",
     "What output costs, reasoning included.", PriceDollars(&PriceConfig::output)},
    {"ai.prices.[].context", "number, tokens", "1050000",
     "The most tokens that a prompt can have: what a call holds of a budget is reckoned with it.",
     PriceTokens(&bridge::Price::context)},
    {"ai.prices.[].output_max", "number, tokens", "128000",
     "The most tokens that an answer can have; for the same.",
     PriceTokens(&bridge::Price::output_max)},
    {"otel.endpoint", "text", "none",
     "Where an OpenTelemetry collector takes OTLP over HTTP: each model call is told to it as a "
     "span "
     "(`/v1/traces` is added to an address without a path).",
     SetCollector},
};

}  // namespace

std::span<const ConfigKey> ConfigKeys() { return kKeys; }

}  // namespace cove::front
