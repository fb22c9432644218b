// Goal: both streams come out whole however the log is cut.
// Method: each log is fed whole and in pieces of every size up to five bytes.
#include "agents/log_demux.h"

#include <gtest/gtest.h>

namespace cove::agents {
namespace {

struct Streams {
  std::string out, err;
  bool operator==(const Streams&) const = default;
};

Streams Demux(std::string_view log, size_t step) {
  Streams got;
  LogDemux demux([&got](LogDemux::Stream stream, std::string_view bytes) {
    (stream == LogDemux::Stream::kStdout ? got.out : got.err) += bytes;
  });
  for (size_t at = 0; at < log.size(); at += step) demux.Feed(log.substr(at, step));
  demux.End();
  return got;
}

void ExpectStreams(std::string_view log, const Streams& want) {
  for (size_t step : {log.size(), size_t{1}, size_t{2}, size_t{3}, size_t{5}}) {
    EXPECT_EQ(Demux(log, step), want) << step;
  }
}

TEST(LogDemuxTest, SwitchesAtEachMarker) {
  ExpectStreams("\x01\x01\x01out1\n\x02\x02\x02oops\x01\x01\x01out2", {"out1\nout2", "oops"});
}

TEST(LogDemuxTest, WhatStandsBeforeTheFirstMarkerIsDropped) {
  ExpectStreams("lost\x02\x02\x02kept", {"", "kept"});
}

TEST(LogDemuxTest, HalfAMarkerIsText) {
  ExpectStreams(
      "\x01\x01\x01"
      "a\x01\x01"
      "b\x02"
      "c\x02\x02",
      {"a\x01\x01"
       "b\x02"
       "c\x02\x02",
       ""});
}

}  // namespace
}  // namespace cove::agents
