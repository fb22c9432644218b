// A cassette: answers of providers, kept in a file to be given again without any provider. The
// scripted model server (tests/model) reads the same file. Format: docs/formats/cassette.md.
//
// No request is kept, only its hash, and of an answer's fields only those of kKeptFields; the texts
// that are credentials are cut out of what is kept. So a cassette can be committed.
// Thread: values, and Cassette loop-confined.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "http/message.h"

namespace cove::bridge {

struct RecordedCall {
  std::string kind;    // "openai" or "anthropic"
  std::string method;  // "POST"
  std::string path;    // "/v1/responses"
  std::string hash;    // RequestHash()
  std::string model;   // for people
  int status = 200;
  http::Headers headers;
  std::string body;
};

inline constexpr const char* kKeptFields[] = {"content-type", "retry-after", "request-id",
                                              "x-request-id"};
inline constexpr std::string_view kCassetteHead = "{\"cassette\":1}\n";

// One line of the file, with its end.
std::string CassetteLine(const RecordedCall& call);
Result<RecordedCall> ParseCassetteLine(std::string_view line);

class Cassette {
 public:
  enum class Match {
    kExact,  // the same request; where it was recorded several times, one after the other, and the
             // last for ever
    kOrder,  // the next one of that route, whatever is asked
  };
  // Reads the whole file; it blocks. kInvalid with the line that is wrong.
  static Result<Cassette> Read(const std::string& path, Match match);
  Cassette(std::vector<RecordedCall> calls, Match match);

  // The answer that is next for this caller (each begins at the start); null: there is none.
  const RecordedCall* Next(const std::string& caller, const RecordedCall& asked);
  size_t size() const { return calls_.size(); }

 private:
  static constexpr size_t kCallersMax = 4096;
  std::string GroupOf(const RecordedCall& call) const;

  std::vector<RecordedCall> calls_;
  Match match_;
  std::map<std::string, std::vector<size_t>> groups_;             // places in calls_
  std::map<std::string, std::map<std::string, size_t>> callers_;  // how many of a group were given
};

}  // namespace cove::bridge
