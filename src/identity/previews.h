// Previews: the tokens that open a sandbox's ports to a browser.
//
// Three kinds. The *plain token* of a sandbox opens all its ports and changes at each start. A
// *signed token* is 16 characters for a host label, opens one port until it expires or is revoked.
// A *cookie value* is what a browser keeps after it has shown one of those: it names the sandbox
// and its end, and is sealed with the server's own key.
// Thread: loop-confined. The store must outlive the object.
#pragma once

#include <map>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "store/store.h"

namespace cove::identity {

using async::Task;

struct SignedPreview {
  std::string token;
  SandboxId sandbox;
  uint16_t port = 0;
  WallTime expires_at;
};

struct PreviewTarget {
  SandboxId sandbox;
  uint16_t port = 0;
};

class Previews {
 public:
  static Task<Result<std::unique_ptr<Previews>>> Open(store::Store& store);

  // The plain token for one start of a sandbox; `generation` is what the sandbox's row holds and
  // changes at each start. The token cannot be told from the generation.
  std::string PlainToken(const SandboxId& sandbox, std::string_view generation) const;
  bool VerifyPlain(const SandboxId& sandbox, std::string_view generation,
                   std::string_view token) const;

  // `lifetime` is 1 s to 24 h, else kInvalid.
  Task<Result<SignedPreview>> CreateSigned(SandboxId sandbox, uint16_t port, seconds lifetime);
  // Whom a signed token admits where; nothing when unknown, expired or revoked.
  std::optional<PreviewTarget> VerifySigned(std::string_view token) const;
  // kNotFound when there is no such token for that port.
  Task<Result<void>> ExpireSigned(SandboxId sandbox, uint16_t port, std::string token);
  // Forgets all of a sandbox that is gone.
  Task<Result<void>> Forget(SandboxId sandbox);

  std::string MakeCookie(const SandboxId& sandbox, WallTime expires_at) const;
  bool VerifyCookie(const SandboxId& sandbox, std::string_view cookie) const;

 private:
  struct Signed {
    PreviewTarget target;
    WallTime expires_at;
  };
  explicit Previews(store::Store& store) : store_(store) {}
  std::string Seal(std::string_view purpose, std::string_view text) const;
  store::Store& store_;
  std::string key_;                       // 32 bytes
  std::map<std::string, Signed> signed_;  // by SHA-256 of the token, hex
};

}  // namespace cove::identity
