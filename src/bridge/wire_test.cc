// Goal: whatever happens to an answer's bytes on the way, the agent gets them as they came and the
// book holds what they said.
// Method: the corpus of tests/wire, each answer relayed between a provider and an agent of the test
// that split, change, cut and leave at every byte.
#include "bridge/human_prompt.h"
#include "bridge/request_edit.h"
#include "bridge/wire_corpus_test.h"
#include "codec/base64.h"
#include "codec/event_stream_fixture_test.h"
#include "http/packing_test.h"

namespace cove::bridge {
namespace {

using async::Task;

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
      EXPECT_EQ(out.relayed.end.outcome, WantedOutcome(c)) << where;
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

// The messages of an event stream, each whole.
std::vector<std::string> Frames(const std::string& stream) {
  std::vector<std::string> out;
  for (size_t at = 0; at < stream.size();) {
    size_t size = 0;
    for (size_t i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(stream[at + i]);
    out.push_back(stream.substr(at, size));
    at += size;
  }
  return out;
}

TEST_F(WireTest, StrangeMessagesOfAnEventStreamChangeNothing) {
  const std::string event = codec::Text(":message-type", "event");
  const auto chunk = [&](const std::string& inside) {
    return codec::Message(codec::Text(":event-type", "chunk") + event,
                          R"({"bytes":")" + codec::EncodeBase64(inside) + R"("})");
  };
  std::string strange = codec::Message(event + codec::Text(":event-type", "initial-response"), "");
  for (const char* payload : {"", "{", "[]", "{}", R"({"bytes":7})", R"({"bytes":"no base64!"})"}) {
    strange += codec::Message(event + codec::Text(":event-type", "chunk"), payload);
  }
  for (const char* inside :
       {"", "{", "\xff\xfe", R"({"type":"of.the.future","a":[{}]})", R"({"usage":{"input_tokens":)",
        R"({"type":"content_block_start","index":9,"content_block":{"type":"future"}})"}) {
    strange += chunk(inside);
  }
  std::string broken = chunk(R"({"type":"message_stop"})");
  broken.back() ^= 1;
  strange += broken;
  for (const Case& c : corpus_) {
    if (!c.event_stream()) continue;
    const std::vector<std::string> frames = Frames(c.answer);
    for (size_t before = 0; before < frames.size(); ++before) {
      std::vector<std::string> with = frames;
      with.insert(with.begin() + static_cast<std::ptrdiff_t>(before), strange);
      std::string all;
      for (const std::string& frame : with) all += frame;
      const std::string where = c.name + " before " + std::to_string(before);
      for (size_t cut = 0; cut <= all.size(); cut += std::max<size_t>(all.size() / 61, 1)) {
        const Outcome out = Pass(c, {all.substr(0, cut), all.substr(cut)});
        ASSERT_EQ(out.got, all) << where;
        ExpectRecord(c, out.relayed.facts, where);
        if (HasFailure()) return;
      }
    }
  }
}

TEST_F(WireTest, ABrokenMessageOfAnEventStreamPassesAndOnlyWithItsLengthsLosesWhatFollows) {
  for (const Case& c : corpus_) {
    if (c.name != "bedrock_stream") continue;
    const std::vector<std::string> frames = Frames(c.answer);
    std::string all;
    for (const std::string& frame : frames) all += frame;
    const size_t last = all.size() - frames.back().size();
    std::string broken = all;
    broken[last + 20] ^= 1;
    const Outcome out = Pass(c, {broken});
    EXPECT_EQ(out.got, broken);
    EXPECT_EQ(Show(out.relayed.facts.usage), Show(WantedUsage(c))) << "told before";
    EXPECT_FALSE(out.relayed.facts.complete);
    std::string at_start = all;
    at_start[5] ^= 1;
    const Outcome none = Pass(c, {at_start});
    EXPECT_EQ(none.got, at_start);
    EXPECT_FALSE(none.relayed.facts.usage.known);
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

TEST_F(WireTest, ACompressedAnswerIsReadToo) {
  for (Case c : corpus_) {
    for (const std::string coding : {"gzip", "zstd"}) {
      const std::string packed = coding == "gzip" ? http::Gzip(c.answer) : http::Zstd(c.answer);
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
