#include "bridge/tape.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "http/content_coding.h"
#include "log/log.h"

namespace cove::bridge {
namespace {

using async::Task;

// A longer answer, unpacked, is not written down.
constexpr size_t kBodyBytesMax = 16 * 1024 * 1024;
// A shorter text may be any word.
constexpr size_t kSecretBytesMin = 8;
constexpr std::string_view kCutOut = "[credential]";

Result<void> WriteAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t n = write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Error::FromErrno("writing the cassette");
    bytes.remove_prefix(static_cast<size_t>(n));
  }
  return Ok();
}

void CutOut(const std::vector<Secret>& secrets, std::string& text) {
  for (const Secret& secret : secrets) {
    const std::string& word = secret.Reveal();
    if (word.size() < kSecretBytesMin) continue;
    for (size_t at = 0; (at = text.find(word, at)) != text.npos; at += kCutOut.size()) {
      text.replace(at, word.size(), kCutOut);
    }
  }
}

// An answer that was kept. A stream comes event by event, as a client is used to.
class Played final : public http::ClientResponse {
 public:
  explicit Played(const RecordedCall& call) : body_(call.body) {
    head_.status = call.status;
    head_.headers = call.headers;
    stream_ = call.headers.Get("content-type").value_or("").starts_with("text/event-stream");
    if (!stream_) head_.headers.Set("Content-Length", std::to_string(call.body.size()));
  }
  const http::ResponseHead& head() const override { return head_; }
  http::BodyReader& body() override { return reader_; }
  net::StreamPtr TakeStream() override { return nullptr; }

 private:
  struct Reader final : http::BodyReader {
    explicit Reader(Played* owner) : played(owner) {}
    Task<Result<size_t>> Read(std::span<char> buffer) override { co_return played->Take(buffer); }
    std::optional<uint64_t> length() const override {
      return played->stream_ ? std::nullopt : std::optional<uint64_t>(played->body_.size());
    }
    Played* played;
  };
  size_t Take(std::span<char> buffer) {
    const std::string_view left = std::string_view(body_).substr(given_);
    const size_t event = stream_ ? left.find("\n\n") : left.npos;
    const size_t whole = event == left.npos ? left.size() : event + 2;
    const size_t n = std::min(whole, buffer.size());
    std::copy_n(left.data(), n, buffer.data());
    given_ += n;
    return n;
  }

  http::ResponseHead head_;
  std::string body_;
  size_t given_ = 0;
  bool stream_ = false;
  Reader reader_{this};
};

}  // namespace

// Passes an answer on and keeps a copy of it.
class Tape::Recording final : public http::ClientResponse {
 public:
  Recording(Tape* tape, std::unique_ptr<http::ClientResponse> response, RecordedCall call,
            std::vector<Secret> secrets)
      : tape_(tape),
        response_(std::move(response)),
        call_(std::move(call)),
        secrets_(std::move(secrets)) {}
  const http::ResponseHead& head() const override { return response_->head(); }
  http::BodyReader& body() override { return reader_; }
  net::StreamPtr TakeStream() override { return response_->TakeStream(); }

 private:
  struct Reader final : http::BodyReader {
    explicit Reader(Recording* recording) : owner(recording) {}
    Task<Result<size_t>> Read(std::span<char> buffer) override { return owner->Read(buffer); }
    std::optional<uint64_t> length() const override { return owner->response_->body().length(); }
    Recording* owner;
  };

  Task<Result<size_t>> Read(std::span<char> buffer) {
    auto got = co_await response_->body().Read(buffer);
    if (!got || done_) co_return got;
    call_.body.append(buffer.data(), *got);
    if (*got == 0 || call_.body.size() > kBodyBytesMax) {
      done_ = true;
      co_await Keep();
    }
    co_return got;
  }

  // Puts the body as it is meant in place of the one that came: no client could read what is
  // compressed without its field, nor could a secret be seen in it.
  Result<void> Unpack() {
    const http::Coding coding = http::CodingOf(head().headers);
    if (coding == http::Coding::kNone || call_.body.empty()) return Ok();
    if (coding == http::Coding::kOther) {
      return Error(Code::kInvalid, "in a coding that Cove does not know");
    }
    ASSIGN_OR_RETURN(call_.body, http::DecodeAll(coding, call_.body, kBodyBytesMax));
    return Ok();
  }

  Task<void> Keep() {
    auto plain = call_.body.size() > kBodyBytesMax ? Error(Code::kTooLarge, "too long") : Unpack();
    if (!plain) {
      log::Warn("bridge.answer_not_recorded",
                {{"path", call_.path}, {"reason", plain.error().message()}});
      call_.body.clear();
      co_return;
    }
    call_.status = head().status;
    for (const char* name : kKeptFields) {
      if (const auto value = head().headers.Get(name)) {
        call_.headers.Add(name, std::string(*value));
      }
    }
    CutOut(secrets_, call_.body);
    co_await tape_->Append(std::move(call_));
  }

  Tape* tape_;
  std::unique_ptr<http::ClientResponse> response_;
  RecordedCall call_;
  std::vector<Secret> secrets_;
  bool done_ = false;
  Reader reader_{this};
};

Result<std::unique_ptr<Tape>> Tape::Open(const TapeConfig& config, async::ThreadPool& pool) {
  if (config.mode == TapeConfig::Mode::kLive) return std::unique_ptr<Tape>();
  if (config.path.empty()) {
    return Error(Code::kInvalid, "ai.cassette: which file? ai.mode is to record or to replay");
  }
  std::unique_ptr<Tape> out(new Tape(pool));
  if (config.mode == TapeConfig::Mode::kReplay) {
    ASSIGN_OR_RETURN(out->cassette_, Cassette::Read(config.path, config.match));
    return out;
  }
  out->file_ = std::make_shared<File>();
  out->file_->fd =
      UniqueFd(open(config.path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
  struct stat facts{};
  if (!out->file_->fd || fstat(out->file_->fd.get(), &facts) != 0) {
    return Error::FromErrno("opening the cassette " + config.path +
                            " (the server's user 61800 must be able to write it)");
  }
  if (facts.st_size == 0) RETURN_IF_ERROR(WriteAll(out->file_->fd.get(), kCassetteHead));
  return out;
}

std::unique_ptr<http::ClientResponse> Tape::Play(const std::string& caller,
                                                 const RecordedCall& asked) {
  const RecordedCall* found = cassette_->Next(caller, asked);
  if (found == nullptr) return nullptr;
  return std::make_unique<Played>(*found);
}

std::unique_ptr<http::ClientResponse> Tape::Record(std::unique_ptr<http::ClientResponse> response,
                                                   RecordedCall call, std::vector<Secret> secrets) {
  return std::make_unique<Recording>(this, std::move(response), std::move(call),
                                     std::move(secrets));
}

Task<void> Tape::Append(RecordedCall call) {
  auto written =
      co_await async::Offload(pool_, [file = file_, line = CassetteLine(call)]() -> Result<void> {
        const std::lock_guard lock(file->one_line_at_a_time);
        return WriteAll(file->fd.get(), line);
      });
  if (!written) log::Error("bridge.answer_not_recorded", {{"error", written.error().message()}});
}

}  // namespace cove::bridge
