// /api/audit…: what left sandboxes and what was refused: page by page, as a file, live, checked.
// Cove's own. Rows are as docs/formats/audit.md has them; pages leave out the chain.
#include "api/audit_filter.h"
#include "api/routes.h"
#include "async/task_group.h"
#include "audit/log.h"
#include "audit/query.h"
#include "base/text.h"
#include "policy/suggest.h"

namespace cove::api {
namespace {

constexpr std::string_view kRead = "read:audit_logs";
constexpr size_t kRowsMax = 10'000;
constexpr Duration kHeartbeat = seconds(30);

Result<size_t> NumberQuery(const Call& call, std::string_view name, size_t otherwise, size_t max) {
  const auto text = call.request().Query(name);
  if (!text || text->empty()) return otherwise;
  const auto number = ParseInt<size_t>(*text);
  if (!number || *number > max) {
    return Error(Code::kInvalid,
                 std::string(name) + " must be a number up to " + std::to_string(max));
  }
  return *number;
}

Result<json::Object> RowOf(const audit::Record& record) {
  ASSIGN_OR_RETURN(json::Object row, json::ParseObject(audit::WriteLine(record, {})));
  row.erase("prev");
  return row;
}

Task<Result<audit::Page>> ReadPage(Call& call, audit::Filter filter, uint64_t before,
                                   size_t count) {
  co_await call.deps().audit->Flush();
  auto read = [directory = call.deps().audit->directory(), filter = std::move(filter), before,
               count] { return audit::ReadPage(directory, filter, before, count); };
  co_return co_await async::Offload(*call.deps().file_pool, std::move(read));
}

Task<Result<void>> List(Call& call) {
  CO_ASSIGN_OR_RETURN(audit::Filter filter, AuditFilter(call));
  CO_ASSIGN_OR_RETURN(const size_t limit, NumberQuery(call, "limit", 100, kRowsMax));
  CO_ASSIGN_OR_RETURN(const size_t before, NumberQuery(call, "cursor", 0, SIZE_MAX));
  if (limit == 0) co_return Error(Code::kInvalid, "limit must be a number from 1 to 10000");
  CO_ASSIGN_OR_RETURN(const audit::Page page,
                      co_await ReadPage(call, std::move(filter), before, limit));
  json::Array items;
  for (const audit::Record& record : page.records) {
    CO_ASSIGN_OR_RETURN(json::Object row, RowOf(record));
    items.push_back(std::move(row));
  }
  json::Object body;
  body["items"] = std::move(items);
  body["nextCursor"] =
      page.before == 0 ? json::Value(nullptr) : json::Value(std::to_string(page.before));
  co_return co_await call.Reply(200, body);
}

// Matching lines of one piece of the log.
struct Piece {
  std::string text;
  bool at_end = false;
};
Result<Piece> NextPiece(audit::Reader& reader, const audit::Filter& filter, uint64_t up_to) {
  ASSIGN_OR_RETURN(const std::vector<std::string> lines, reader.Next(up_to));
  Piece out;
  out.at_end = lines.empty();
  const std::string needle = filter.Needle();
  for (const std::string& text : lines) {
    if (text.find(needle) == std::string::npos) continue;
    const auto line = audit::ParseLine(text);
    if (line && filter.Matches(line->record)) out.text += text + '\n';
  }
  return out;
}

struct Stream {
  audit::Log* log = nullptr;
  async::ThreadPool* pool = nullptr;
  audit::Filter filter;
  uint64_t from = 1;
  bool live = false;  // else it ends with the last record there is
  http::BodyWriter* out = nullptr;
};

// Only what is durable is sent. An empty line now and then keeps a quiet stream alive.
Task<Result<void>> SendAll(Stream* stream) {
  co_await stream->log->Flush();
  auto open = [directory = stream->log->directory(), from = stream->from] {
    return audit::Reader::Open(directory, from);
  };
  CO_ASSIGN_OR_RETURN(audit::Reader opened,
                      co_await async::Offload(*stream->pool, std::move(open)));
  const auto reader = std::make_shared<audit::Reader>(std::move(opened));
  const uint64_t last = stream->log->last_seq();
  for (;;) {
    const uint64_t up_to = stream->live ? stream->log->last_seq() : last;
    auto next = [reader, filter = stream->filter, up_to] {
      return NextPiece(*reader, filter, up_to);
    };
    CO_ASSIGN_OR_RETURN(Piece piece, co_await async::Offload(*stream->pool, std::move(next)));
    if (piece.at_end && !stream->live) co_return co_await stream->out->Finish();
    if (piece.at_end && !co_await stream->log->WaitPast(up_to, Now() + kHeartbeat)) {
      piece.text = "\n";
    }
    if (!piece.text.empty()) CO_RETURN_IF_ERROR(co_await stream->out->Write(piece.text));
  }
}

Task<void> SendAndTell(Stream* stream, Result<void>* result, async::Event* done) {
  *result = co_await SendAll(stream);
  done->Set();
}

Task<void> WatchPeer(http::Exchange* exchange, async::Event* done) {
  co_await exchange->PeerClosed();
  done->Set();
}

Task<Result<void>> Serve(Call& call, Stream stream) {
  http::ResponseHead head;
  head.headers.Add("Content-Type", "application/x-ndjson");
  head.headers.Add("Cache-Control", "no-cache");
  CO_ASSIGN_OR_RETURN(stream.out, co_await call.exchange().StartResponse(std::move(head)));
  Result<void> result = Ok();
  async::Event done;
  async::TaskGroup group;
  group.Spawn(SendAndTell(&stream, &result, &done));
  group.Spawn(WatchPeer(&call.exchange(), &done));
  co_await done.Wait();
  co_return result;
}

Result<Stream> MakeStream(Call& call) {
  Stream stream;
  stream.log = call.deps().audit;
  stream.pool = call.deps().file_pool;
  ASSIGN_OR_RETURN(stream.filter, AuditFilter(call));
  return stream;
}

Task<Result<void>> Export(Call& call) {
  CO_ASSIGN_OR_RETURN(Stream stream, MakeStream(call));
  CO_ASSIGN_OR_RETURN(stream.from, NumberQuery(call, "from", 1, SIZE_MAX));
  co_return co_await Serve(call, std::move(stream));
}

Task<Result<void>> Tail(Call& call) {
  CO_ASSIGN_OR_RETURN(Stream stream, MakeStream(call));
  CO_ASSIGN_OR_RETURN(const size_t last, NumberQuery(call, "last", 10, kRowsMax));
  stream.live = true;
  stream.from = stream.log->last_seq() + 1;
  if (last > 0) {
    CO_ASSIGN_OR_RETURN(const audit::Page page, co_await ReadPage(call, stream.filter, 0, last));
    if (!page.records.empty()) stream.from = page.records[0].seq;
  }
  co_return co_await Serve(call, std::move(stream));
}

Task<Result<void>> Verify(Call& call) {
  CO_RETURN_IF_ERROR(AdminsOnly(call));
  CO_ASSIGN_OR_RETURN(const json::Object body, co_await call.ReadJson());
  CO_ASSIGN_OR_RETURN(const auto text, TextField(body, "head"));
  co_await call.deps().audit->Flush();
  // What this process knows it wrote, unless the caller noted something.
  std::optional<audit::Head> wanted = call.deps().audit->head();
  if (text && !text->empty()) wanted = audit::Head::Parse(*text);
  if (!wanted) co_return Error(Code::kInvalid, "a head is written NUMBER:HASH, as verify gives it");
  auto verify = [directory = call.deps().audit->directory(), wanted] {
    return audit::VerifyChain(directory, wanted);
  };
  const auto verdict = co_await async::Offload(*call.deps().file_pool, std::move(verify));
  co_return co_await call.Reply(200, audit::VerdictJson(verdict));
}

policy::Attempt AttemptOf(const audit::Record& record) {
  policy::Attempt out;
  out.channel = record.channel;
  out.host = record.host;
  out.address = record.claimed.substr(0, record.claimed.rfind(':'));
  if (out.address.starts_with('[')) out.address = out.address.substr(1, out.address.size() - 2);
  out.port = record.port;
  out.method = record.method;
  out.path = record.path;
  const bool cut = record.path.size() >= audit::kFieldBytesMax;
  out.path_is = cut ? policy::Attempt::Path::kCut : policy::Attempt::Path::kWhole;
  out.reason = record.reason;
  return out;
}

// A policy for what this sandbox tried: `from` is "denied", "allowed" or "all".
Task<Result<void>> Suggest(Call& call) {
  CO_ASSIGN_OR_RETURN(const control::Sandbox sandbox, FindSandbox(call));
  const std::string from = call.request().Query("from").value_or("all");
  if (from != "all" && from != "denied" && from != "allowed") {
    co_return Error(Code::kInvalid, "from is 'denied', 'allowed' or 'all'");
  }
  audit::Filter filter;
  filter.sandbox = sandbox.id;
  filter.kind = audit::Kind::kDecision;
  if (from != "all") filter.allow = from == "allowed";
  CO_ASSIGN_OR_RETURN(const audit::Page page, co_await ReadPage(call, filter, 0, kRowsMax));
  filter.kind = audit::Kind::kClose;
  filter.allow.reset();
  CO_ASSIGN_OR_RETURN(const audit::Page ends, co_await ReadPage(call, filter, 0, kRowsMax));
  std::set<uint64_t> of_several;
  for (const audit::Record& end : ends.records) {
    if (end.requests > 1) of_several.insert(end.decision);
  }
  std::vector<policy::Attempt> attempts;
  for (const audit::Record& record : page.records) {
    attempts.push_back(AttemptOf(record));
    attempts.back().of_several = of_several.contains(record.seq);
  }
  CO_ASSIGN_OR_RETURN(const std::string toml, policy::Suggest(attempts).ToToml());
  json::Object out;
  out["toml"] = toml;
  out["rows"] = attempts.size();
  co_return co_await call.Reply(200, out);
}

}  // namespace

void AddAuditRoutes(Routes& routes) {
  routes.Add("GET", "/api/audit", &List, kRead);
  routes.Add("GET", "/api/audit/export", &Export, kRead);
  routes.Add("GET", "/api/audit/tail", &Tail, kRead);
  routes.Add("POST", "/api/audit/verify", &Verify, kRead);
  routes.Add("GET", "/api/policy/sandbox/{sandbox}/suggest", &Suggest, kRead);
}

}  // namespace cove::api
