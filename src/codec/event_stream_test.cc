// Goal: messages come out of any pieces, and those that are not sound cost only themselves.
// Method: messages composed by the test, split at every byte, and with each byte changed.
#include "codec/event_stream.h"

#include <gtest/gtest.h>

#include "codec/event_stream_fixture_test.h"

namespace cove::codec {
namespace {

std::string Example() {
  const std::string other = Number(1, 1) + "t" + std::string(1, '\0') + Number(1, 1) + "n" +
                            "\x05" + std::string(8, 'x') + Number(1, 1) + "u" + "\x09" +
                            std::string(16, 'u') + Number(1, 1) + "b" + "\x06" + Number(3, 2) +
                            "abc";
  return Message(Text(":event-type", "chunk") + other + Text(":message-type", "event"),
                 "{\"a\":1}") +
         Message(Text(":message-type", "exception") + Text(":exception-type", "throttled"), "") +
         Message("", "x");
}

constexpr std::string_view kRead = "event|chunk||{\"a\":1};exception||throttled|;|||x;";

std::string Read(std::string_view text, size_t cut, size_t held = 1024) {
  std::string out;
  EventStream reader(
      [&](const StreamMessage& m) {
        out.append(m.message_type).append("|").append(m.event_type).append("|");
        out.append(m.exception_type).append("|").append(m.payload).append(";");
      },
      held);
  reader.Feed(text.substr(0, cut));
  reader.Feed(text.substr(cut));
  if (reader.failed()) out += "failed";
  if (!reader.failed() && !reader.at_boundary()) out += "open";
  if (reader.skipped() != 0) out += "skipped";
  return out;
}

TEST(EventStreamTest, MessagesComeOutOfAnyPieces) {
  const std::string text = Example();
  for (size_t cut = 0; cut <= text.size(); ++cut) EXPECT_EQ(Read(text, cut), kRead);
}

TEST(EventStreamTest, AChangedByteIsSeen) {
  const std::string text = Example();
  for (size_t at = 0; at < text.size(); ++at) {
    std::string changed = text;
    changed[at] ^= 0x40;
    EXPECT_NE(Read(changed, 0), kRead) << at;
    EXPECT_EQ(Read(changed, 0).find("open") == std::string::npos, true) << at;
  }
}

TEST(EventStreamTest, AMessageOverTheLimitIsSkipped) {
  const std::string text = Message("", std::string(2000, 'x')) + Message("", "y");
  for (size_t cut = 0; cut <= text.size(); cut += 7) EXPECT_EQ(Read(text, cut), "|||y;skipped");
}

TEST(EventStreamTest, ABrokenMessageCostsOnlyItself) {
  std::string bad = Message("", "broken");
  bad[bad.size() - 1] ^= 1;
  const std::string headless = Message("\x09", "x");  // its header's name would be longer
  for (const std::string& one : {bad, headless}) {
    const std::string text = Message("", "a") + one + Message("", "b");
    for (size_t cut = 0; cut <= text.size(); ++cut) {
      EXPECT_EQ(Read(text, cut), "|||a;|||b;skipped") << cut;
    }
  }
  bad[9] ^= 1;  // of the lengths' own checksum
  EXPECT_EQ(Read(Message("", "a") + bad + Message("", "b"), 0), "|||a;failed");
}

TEST(EventStreamTest, LengthsThatCannotBeAreRefused) {
  for (const auto& [total, headers] : std::initializer_list<std::pair<size_t, size_t>>{
           {15, 0}, {20, 5}, {size_t{25} << 20, 0}, {size_t{1} << 20, size_t{129} << 10}}) {
    std::string text = Number(total, 4) + Number(headers, 4);
    text += Number(Crc32(text), 4);
    EXPECT_EQ(Read(text, 3), "failed");
  }
  EXPECT_EQ(Crc32("123456789"), 0xcbf43926U) << "the check value of CRC-32";
}

}  // namespace
}  // namespace cove::codec
