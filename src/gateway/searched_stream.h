// A stream that breaks before it shows one of some texts: what a server sends on a connection that
// was opened with a secret, where its bytes cannot be changed (frames have lengths). Thread:
// loop-confined.
#pragma once

#include "gateway/text_replacer.h"
#include "net/stream.h"

namespace cove::gateway {

class SearchedStream final : public net::ByteStream {
 public:
  // `inner` must outlive it.
  SearchedStream(net::ByteStream& inner, const std::vector<Replacement>& texts);

  // kDenied once one of the texts has come; what came with it is not given.
  net::Task<Result<size_t>> Read(std::span<char> buffer) override;
  net::Task<Result<void>> Write(std::string_view bytes) override;
  net::Task<Result<void>> CloseWrite() override { return inner_.CloseWrite(); }
  void MarkAborted() override { inner_.MarkAborted(); }
  bool found() const { return found_; }

 private:
  Result<void> Take(std::string_view bytes);
  size_t HeldBack() const;

  net::ByteStream& inner_;
  std::vector<std::string> texts_;
  size_t longest_ = 0;
  std::string seen_;   // the last bytes, which one of the texts may have begun with
  std::string held_;   // the end of them that is not certain yet
  std::string ready_;  // to be given
  bool ended_ = false;
  bool found_ = false;
};

}  // namespace cove::gateway
