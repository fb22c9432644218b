// Goal: a line is one JSON object whatever the fields hold.
#include "log/log.h"

#include <gtest/gtest.h>

namespace cove::log {
namespace {

TEST(LogTest, EscapesWhatCouldForgeALine) {
  const std::string line =
      Format(Level::kWarn, "egress.denied", {{"name", "a\n{\"x\":1}"}, {"port", 443}});
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  EXPECT_NE(line.find(R"("name":"a\u000a{\"x\":1}")"), std::string::npos) << line;
  EXPECT_NE(line.find(R"("port":443)"), std::string::npos);
}

}  // namespace
}  // namespace cove::log
