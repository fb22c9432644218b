#include "http/wire.h"

#include <algorithm>
#include <cstring>

#include "base/text.h"

namespace cove::http::internal {
namespace {

constexpr size_t kDrainBytes = 16 * 1024;
constexpr size_t kDirectBytes = 4 * 1024;   // from here on a read goes past the input's buffer
constexpr size_t kGatherBytes = 64 * 1024;  // up to here a chunk is copied to be one write

}  // namespace

Task<Result<size_t>> Input::Fill(net::ByteStream& stream) {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) {
    buffer_.resize(buffer_.empty() ? kBytesFirst : std::min(kBytesMax, 4 * buffer_.size()));
  }
  const auto room = std::span(buffer_).subspan(end_);
  CO_ASSIGN_OR_RETURN(const size_t n, co_await stream.Read(room));
  end_ += n;
  // There is probably more: the next read takes it in one.
  if (n == room.size() && n < kBytesMax) buffer_.resize(std::min(kBytesMax, 4 * buffer_.size()));
  co_return n;
}

std::string Input::Take() {
  std::string out(view());
  begin_ = end_ = 0;
  return out;
}

Task<Result<size_t>> WireBody::Read(std::span<char> buffer) {
  if (failure_) co_return *failure_;
  if (decoder_.done() || buffer.empty()) co_return size_t{0};
  auto n = co_await ReadSome(buffer);
  if (!n) {
    failure_ = n.error();
  } else if (*n > left_max_) {
    failure_ = Error(Code::kTooLarge, "the body is over the limit");
    co_return *failure_;
  } else {
    left_max_ -= *n;
  }
  co_return n;
}

Task<Result<size_t>> WireBody::ReadSome(std::span<char> buffer) {
  while (!decoder_.done()) {
    if (!input_->empty()) {
      std::string_view in = input_->view();
      const size_t before = in.size();
      auto data = decoder_.Next(&in, buffer.size());
      if (!data) co_return std::move(data).error();
      const size_t size = data->size();
      std::copy_n(data->data(), size, buffer.data());
      input_->Consume(before - in.size());
      if (size != 0) co_return size;
      continue;
    }
    stream_->set_read_timeout(timeout_);
    const uint64_t direct = std::min<uint64_t>(decoder_.contiguous(), buffer.size());
    if (direct >= kDirectBytes) {
      const auto target = buffer.first(static_cast<size_t>(direct));
      CO_ASSIGN_OR_RETURN(const size_t n, co_await stream_->Read(target));
      std::string_view in(target.data(), n);
      if (n != 0) {
        CO_RETURN_IF_ERROR(decoder_.Next(&in));
        co_return n;
      }
    } else {
      CO_ASSIGN_OR_RETURN(const size_t n, co_await input_->Fill(*stream_));
      if (n != 0) continue;
    }
    CO_RETURN_IF_ERROR(decoder_.End());
  }
  co_return size_t{0};
}

Task<bool> WireBody::Drain(uint64_t bytes_max, TimePoint deadline) {
  if (done()) co_return true;
  std::vector<char> buffer(kDrainBytes);
  uint64_t dropped = 0;
  while (!done()) {
    const Duration left = deadline - Now();
    if (left <= Duration::zero() || dropped > bytes_max) co_return false;
    timeout_ = left;
    const auto n = co_await Read(buffer);
    if (!n) co_return false;
    dropped += *n;
  }
  co_return true;
}

Task<Result<void>> WireWriter::Write(std::string_view bytes) {
  if (finished_ || broken_) co_return Error(Code::kInternal, "the body has ended already");
  if (bytes.empty() || framing_ == Framing::kDiscard) co_return Ok();
  broken_ = true;  // unless this write comes to its end
  if (framing_ == Framing::kChunked) {
    CO_RETURN_IF_ERROR(co_await WriteChunk(bytes));
  } else {
    if (framing_ == Framing::kLength) {
      if (bytes.size() > left_) {
        co_return Error(Code::kInternal, "the body is longer than its Content-Length");
      }
      left_ -= bytes.size();
    }
    CO_RETURN_IF_ERROR(co_await stream_->Write(bytes));
  }
  broken_ = false;
  co_return Ok();
}

Task<Result<void>> WireWriter::WriteChunk(std::string_view bytes) {
  std::string head = codec::Http1ChunkHeader(bytes.size());
  if (bytes.size() <= kGatherBytes) {
    head.reserve(head.size() + bytes.size() + 2);
    head.append(bytes).append("\r\n");
    co_return co_await stream_->Write(head);
  }
  CO_RETURN_IF_ERROR(co_await stream_->Write(head));
  CO_RETURN_IF_ERROR(co_await stream_->Write(bytes));
  co_return co_await stream_->Write("\r\n");
}

Task<Result<void>> WireWriter::Finish() {
  if (finished_ || broken_) co_return Error(Code::kInternal, "the body has ended already");
  broken_ = true;
  if (framing_ == Framing::kLength && left_ != 0) {
    co_return Error(Code::kInternal, "the body is shorter than its Content-Length");
  }
  if (framing_ == Framing::kChunked) {
    CO_RETURN_IF_ERROR(co_await stream_->Write(codec::kHttp1LastChunk));
  }
  broken_ = false;
  finished_ = true;
  co_return Ok();
}

bool IsFramingField(std::string_view name) {
  return EqualsIgnoreCase(name, "content-length") || EqualsIgnoreCase(name, "transfer-encoding") ||
         EqualsIgnoreCase(name, "connection") || EqualsIgnoreCase(name, "keep-alive");
}

Headers CopyFields(const codec::Http1Head& head) {
  Headers out;
  for (const auto& field : head.fields) {
    out.Add(std::string(field.name), std::string(field.value));
  }
  return out;
}

}  // namespace cove::http::internal
