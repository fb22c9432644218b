// Goal: whatever happens to an answer's bytes on the way, the agent gets them as they came and the
// book holds what they said.
// Method: the corpus of tests/wire, each answer relayed between a provider and an agent of the test
// that split, change, cut and leave at every byte.
#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "bridge/human_prompt.h"
#include "bridge/relay.h"
#include "bridge/request_edit.h"

namespace cove::bridge {
namespace {

using async::Task;

std::string ReadFile(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  EXPECT_TRUE(in) << path;
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The provider's side: pieces, and then the end or a break.
class Body final : public http::BodyReader {
 public:
  Body(std::vector<std::string> pieces, bool cut) : pieces_(std::move(pieces)), cut_(cut) {}
  Task<Result<size_t>> Read(std::span<char> buffer) override {
    while (at_ != pieces_.size() && pieces_[at_].empty()) ++at_;
    if (at_ == pieces_.size()) {
      if (cut_) co_return Error(Code::kClosed, "cut");
      co_return size_t{0};
    }
    std::string& piece = pieces_[at_];
    const size_t size = std::min(piece.size(), buffer.size());
    std::copy_n(piece.begin(), size, buffer.begin());
    piece.erase(0, size);
    co_return size;
  }
  std::optional<uint64_t> length() const override { return std::nullopt; }

 private:
  std::vector<std::string> pieces_;
  bool cut_;
  size_t at_ = 0;
};

class Response final : public http::ClientResponse {
 public:
  Response(http::ResponseHead head, std::vector<std::string> pieces, bool cut)
      : head_(std::move(head)), body_(std::move(pieces), cut) {}
  const http::ResponseHead& head() const override { return head_; }
  http::BodyReader& body() override { return body_; }
  net::StreamPtr TakeStream() override { return nullptr; }

 private:
  http::ResponseHead head_;
  Body body_;
};

// The agent's side: takes `leaves_after` bytes and is gone then.
class Agent final : public http::Exchange, public http::BodyWriter {
 public:
  explicit Agent(size_t leaves_after) : left_(leaves_after), none_({}, false) {}
  const http::RequestHead& request() const override { return request_; }
  http::BodyReader& body() override { return none_; }
  std::string peer() const override { return "test"; }
  bool answered() const override { return true; }
  Task<Result<void>> Respond(http::ResponseHead, std::string) override { co_return Ok(); }
  Task<Result<http::BodyWriter*>> StartResponse(http::ResponseHead head) override {
    answer = std::move(head);
    co_return this;
  }
  Task<Result<net::StreamPtr>> TakeOver(http::ResponseHead) override {
    co_return Error(Code::kInternal, "");
  }
  Task<Result<void>> Write(std::string_view bytes) override {
    EXPECT_FALSE(bytes.empty());
    got += bytes.substr(0, left_);
    const bool stays = bytes.size() <= left_;
    left_ -= std::min(left_, bytes.size());
    if (!stays) co_return Error(Code::kClosed, "gone");
    co_return Ok();
  }
  Task<Result<void>> Finish() override {
    finished = true;
    co_return Ok();
  }

  http::ResponseHead answer;
  std::string got;
  bool finished = false;

 private:
  http::RequestHead request_;
  size_t left_;
  Body none_;
};

constexpr size_t kStays = 1 << 30;

// Every byte; with a sanitizer, which makes each many times slower, every eleventh.
#if defined(__has_feature) && __has_feature(address_sanitizer)
constexpr size_t kStep = 11;
#else
constexpr size_t kStep = 1;
#endif

struct Case {
  std::string name;
  std::string request;
  std::string answer;
  json::Object record;
  std::string client;  // what the agent gets
  Api api = Api::kModels;
  RelayOptions options;
  http::ResponseHead head;
  bool sse() const { return FormOf(*head.headers.Get("content-type")) == AnswerForm::kSse; }
};

Api ParseApi(std::string_view name) {
  for (const Api api :
       {Api::kResponses, Api::kChatCompletions, Api::kMessages, Api::kCountTokens}) {
    if (ApiName(api) == name) return api;
  }
  return Api::kModels;
}

std::vector<Case> Corpus() {
  std::vector<Case> out;
  const std::filesystem::path dir = COVE_SOURCE_DIR "/tests/wire";
  for (const auto& entry : std::filesystem::directory_iterator(dir)) {
    if (entry.path().extension() != ".answer") continue;
    Case c;
    c.name = entry.path().stem();
    c.answer = ReadFile(entry.path());
    c.request = ReadFile(dir / (c.name + ".request.json"));
    c.record = *json::ParseObject(ReadFile(dir / (c.name + ".record.json")));
    c.client = json::GetString(c.record, "client").value_or(c.answer);
    c.api = ParseApi(*json::GetString(c.record, "api"));
    c.options.api = c.api;
    if (c.client != c.answer) c.options.usage_chunk = RelayOptions::UsageChunk::kHide;
    c.head.status = static_cast<int>(*json::GetInt(c.record, "status"));
    c.head.headers.Set("Content-Type", *json::GetString(c.record, "type"));
    c.head.headers.Set("x-request-id", "req_7");
    out.push_back(std::move(c));
  }
  EXPECT_GE(out.size(), 19U);
  return out;
}

class WireTest : public testing::Test {
 protected:
  struct Outcome {
    Relayed relayed;
    std::string got;
    bool finished = false;
    http::ResponseHead head;
  };

  Outcome Pass(const Case& c, std::vector<std::string> pieces, size_t leaves_after = kStays,
               bool cut = false) {
    Agent agent(leaves_after);
    Relay relay(std::make_unique<Response>(c.head, std::move(pieces), cut), c.options);
    loop_.RunUntil(relay.Pass(agent));
    Outcome out;
    out.relayed = relay.Take();
    out.got = std::move(agent.got);
    out.finished = agent.finished;
    out.head = std::move(agent.answer);
    return out;
  }

  async::Loop loop_;
  const std::vector<Case> corpus_ = Corpus();
};

Usage WantedUsage(const Case& c) {
  Usage out;
  const json::Object* usage = json::GetObject(c.record, "usage");
  if (usage == nullptr) return out;
  out.known = true;
  out.input = *json::GetInt(*usage, "input");
  out.cached = *json::GetInt(*usage, "cached");
  out.cache_write = *json::GetInt(*usage, "cacheWrite");
  out.output = *json::GetInt(*usage, "output");
  out.reasoning = *json::GetInt(*usage, "reasoning");
  out.cache_write_1h = *json::GetInt(*usage, "cacheWrite1h");
  out.web_searches = *json::GetInt(*usage, "webSearches");
  return out;
}

json::Value ToolsOf(const AnswerFacts& facts) {
  json::Array out;
  for (const ToolCall& t : facts.tools()) {
    EXPECT_FALSE(t.cut);
    out.push_back(json::Array{t.kind, t.name, t.server, t.call_id, t.item_id, t.input});
  }
  return out;
}

json::Value ThoughtsOf(const AnswerFacts& facts) {
  json::Array out;
  for (const Thought& t : facts.thoughts()) out.push_back(json::Array{t.source, t.text});
  return out;
}

std::string Show(const Usage& u) {
  std::ostringstream out;
  out << u.known << " " << u.input << " " << u.cached << " " << u.cache_write << " " << u.output
      << " " << u.reasoning << " " << u.cache_write_1h << " " << u.web_searches;
  return out.str();
}

void ExpectRecord(const Case& c, const AnswerFacts& facts, const std::string& where) {
  const auto text = [&](const char* key) { return json::GetString(c.record, key).value_or(""); };
  const auto list = [&](const char* key) {
    const json::Value* value = json::Find(c.record, key);
    return value == nullptr ? json::Value(json::Array()) : *value;
  };
  EXPECT_EQ(Show(facts.usage), Show(WantedUsage(c))) << where;
  EXPECT_EQ(facts.response_id, text("id")) << where;
  EXPECT_EQ(facts.model, text("model")) << where;
  EXPECT_EQ(facts.stop, text("stop")) << where;
  EXPECT_EQ(facts.error, text("error")) << where;
  EXPECT_EQ(facts.complete, json::GetBool(c.record, "complete").value_or(false)) << where;
  EXPECT_FALSE(facts.cut) << where;
  EXPECT_EQ(json::Write(ToolsOf(facts)), json::Write(list("tools"))) << where;
  EXPECT_EQ(json::Write(ThoughtsOf(facts)), json::Write(list("thoughts"))) << where;
}

TEST_F(WireTest, SplitAtEveryByteTheBytesAndTheBookAreTheSame) {
  for (const Case& c : corpus_) {
    for (size_t cut = 0; cut <= c.answer.size(); cut += kStep) {
      const Outcome out = Pass(c, {c.answer.substr(0, cut), c.answer.substr(cut)});
      const std::string where = c.name + " split at " + std::to_string(cut);
      ASSERT_EQ(out.got, c.client) << where;
      ASSERT_TRUE(out.finished);
      ExpectRecord(c, out.relayed.facts, where);
      EXPECT_EQ(out.relayed.end.request_id, "req_7");
      EXPECT_EQ(out.relayed.end.response_bytes, c.answer.size());
      EXPECT_EQ(out.relayed.end.outcome,
                c.head.status < 400 ? bridge::Outcome::kCompleted : bridge::Outcome::kRejected);
      if (HasFailure()) return;
    }
    std::vector<std::string> bytes;
    for (const char byte : c.answer) bytes.emplace_back(1, byte);
    const Outcome out = Pass(c, std::move(bytes));
    EXPECT_EQ(out.got, c.client) << c.name;
    ExpectRecord(c, out.relayed.facts, c.name + " byte by byte");
  }
}

TEST_F(WireTest, AnEventPassesBeforeTheNextOneComes) {
  for (const Case& c : corpus_) {
    if (!c.sse()) continue;
    // What has come ends with an event: all of it must be with the agent, but the hidden chunk.
    const size_t hidden_size = c.answer.size() - c.client.size();
    const size_t hidden = hidden_size == 0
                              ? c.answer.size()
                              : c.answer.rfind("data: ", c.answer.rfind("\"usage\":{"));
    for (size_t end = c.answer.find("\n\n"); end != std::string::npos;
         end = c.answer.find("\n\n", end + 2)) {
      const std::string sofar = c.answer.substr(0, end + 2);
      const Outcome out = Pass(c, {sofar}, kStays, true);
      const bool gone = sofar.size() > hidden;
      EXPECT_EQ(out.got, gone ? c.client.substr(0, sofar.size() - hidden_size) : sofar) << c.name;
    }
  }
}

std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  for (size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size())) {
    text.replace(at, what.size(), with);
  }
  return text;
}

TEST_F(WireTest, OtherLineEndsCommentsAndStrangeEventsChangeNothing) {
  for (Case c : corpus_) {
    if (!c.sse()) continue;
    const std::string strange =
        "\n\n: keep-alive\n\nevent: x\nid: 7\nretry: 3\n\ndata: "
        "{\"type\":\"of.the.future\",\"a\":[{}]}\n\n"
        "data: {\"usage\":{\"input_tokens\":\n\ndata: "
        "{\"type\":\"response.completed\",\"response\":{]\n\n"
        "data:\n\ndata: [1,{\"choices\":[\n\n"
        "data: "
        "{\"type\":\"response.output_item.done\",\"item\":{\"type\":\"future_item\",\"name\":\"x\"}"
        "}\n\n"
        "data: "
        "{\"type\":\"content_block_start\",\"index\":9,\"content_block\":{\"type\":\"future\"}}\n\n"
        "data: \xff\xfe\n\n";
    // An unknown event is not told from the others by a field that they share.
    for (const auto& [what, with] : std::initializer_list<std::pair<std::string, std::string>>{
             {"\n", "\r\n"}, {"\n", "\r"}, {"\n\n", strange}}) {
      const std::string answer = Replaced(c.answer, what, with);
      const std::string client = Replaced(c.client, what, with);
      const size_t step = std::max<size_t>(answer.size() / 199, 1);
      for (size_t cut = 0; cut <= answer.size(); cut += step) {
        const Outcome out = Pass(c, {answer.substr(0, cut), answer.substr(cut)});
        const std::string where = c.name + " with " + with.substr(0, 8);
        if (c.client == c.answer || with.size() < 3) ASSERT_EQ(out.got, client) << where;
        ExpectRecord(c, out.relayed.facts, where);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(WireTest, DataOnSeveralLinesIsOneEvent) {
  Case c = corpus_.front();
  for (const Case& other : corpus_) {
    if (other.name == "messages_stream") c = other;
  }
  const std::string answer = Replaced(c.answer, ",\"usage\":", ",\ndata: \"usage\":\ndata:");
  ASSERT_NE(answer, c.answer);
  const Outcome out = Pass(c, {answer});
  EXPECT_EQ(out.got, answer);
  ExpectRecord(c, out.relayed.facts, c.name);
}

std::string Gzip(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string Zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

TEST_F(WireTest, ACompressedAnswerIsReadToo) {
  for (Case c : corpus_) {
    for (const std::string coding : {"gzip", "zstd"}) {
      const std::string packed = coding == "gzip" ? Gzip(c.answer) : Zstd(c.answer);
      c.head.headers.Set("Content-Encoding", coding);
      c.head.headers.Set("Content-Length", std::to_string(packed.size()));
      for (size_t cut = 0; cut <= packed.size(); cut += kStep) {
        const Outcome out = Pass(c, {packed.substr(0, cut), packed.substr(cut)});
        // Where a chunk is taken out, the rest goes plain.
        const bool edited = c.client != c.answer;
        ASSERT_EQ(out.got, edited ? c.client : packed) << c.name;
        EXPECT_EQ(out.head.headers.Has("content-encoding"), !edited);
        EXPECT_EQ(out.head.headers.Has("content-length"), !edited);
        ExpectRecord(c, out.relayed.facts, c.name + " in " + coding);
        if (HasFailure()) return;
      }
      const Outcome broken = Pass(c, {"no " + coding + packed});
      if (c.client != c.answer) {
        EXPECT_EQ(broken.relayed.end.outcome, bridge::Outcome::kBroken);
      } else {
        EXPECT_EQ(broken.got, "no " + coding + packed);
      }
      EXPECT_FALSE(broken.relayed.facts.usage.known);
    }
    c.head.headers.Set("Content-Encoding", "br");
    EXPECT_FALSE(Pass(c, {c.answer}).relayed.facts.usage.known);
  }
}

TEST_F(WireTest, AProviderThatBreaksOffLeavesWhatItSaid) {
  for (const Case& c : corpus_) {
    bool known = false;
    size_t tools = 0;
    for (size_t end = 0; end < c.answer.size(); end += kStep) {
      const Outcome out = Pass(c, {c.answer.substr(0, end)}, kStays, true);
      ASSERT_TRUE(c.client.starts_with(out.got)) << c.name;
      if (c.client == c.answer) ASSERT_EQ(out.got.size(), end);
      EXPECT_FALSE(out.finished) << "a cut answer must not look whole";
      EXPECT_EQ(out.relayed.end.outcome, bridge::Outcome::kBroken);
      // What was known stays known.
      EXPECT_GE(out.relayed.facts.usage.known, known) << c.name << " at " << end;
      EXPECT_GE(out.relayed.facts.tools().size(), tools) << c.name << " at " << end;
      known = out.relayed.facts.usage.known;
      tools = out.relayed.facts.tools().size();
    }
  }
}

TEST_F(WireTest, AnAgentThatLeavesIsChargedForTheRest) {
  for (const Case& c : corpus_) {
    for (size_t left = 0; left < c.client.size(); left += kStep) {
      const size_t half = c.answer.size() / 2;
      const Outcome out = Pass(c, {c.answer.substr(0, half), c.answer.substr(half)}, left);
      EXPECT_EQ(out.got, c.client.substr(0, left)) << c.name;
      EXPECT_EQ(out.relayed.end.outcome, bridge::Outcome::kClientGone);
      EXPECT_EQ(Show(out.relayed.facts.usage), Show(WantedUsage(c))) << c.name << " at " << left;
    }
  }
}

TEST_F(WireTest, TheRequestsAreUnderstood) {
  for (const Case& c : corpus_) {
    const auto request = json::ParseObject(c.request);
    ASSERT_TRUE(request) << c.name;
    EXPECT_EQ(HumanPrompt(c.api, *request), json::GetString(c.record, "prompt").value_or(""))
        << c.name;
    const auto edit = EditRequest(c.api, c.request, *request, {}, AskUsage::kYes);
    EXPECT_EQ(edit.usage_added, c.client != c.answer) << c.name;
    EXPECT_EQ(edit.body.empty(), c.client == c.answer) << c.name;
  }
}

}  // namespace
}  // namespace cove::bridge
