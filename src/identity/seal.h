// Sealing of texts that the database keeps: AES-256-GCM with a key that lies in a file of its own
// beside it, for its owner alone. Thread: pure after Open.
#pragma once

#include <array>
#include <string>
#include <string_view>

#include "base/result.h"

namespace cove::identity {

class Seal {
 public:
  enum class IfMissing { kMake, kFail };
  // Reads the key from `file`. kNotFound with kFail; kInvalid for a file that holds no key.
  static Result<Seal> Open(const std::string& file, IfMissing if_missing);
  ~Seal();
  Seal(const Seal&) = default;
  Seal& operator=(const Seal&) = default;

  // Hexadecimal: nonce, ciphertext, tag. `place` says where it belongs: opened anywhere else, it
  // is not the same.
  Result<std::string> Close(std::string_view text, std::string_view place) const;
  // kInvalid: it was changed, belongs elsewhere, or was closed with another key.
  Result<std::string> Break(std::string_view sealed, std::string_view place) const;

 private:
  static constexpr size_t kKeyBytes = 32;
  using Key = std::array<unsigned char, kKeyBytes>;
  explicit Seal(const Key& key) : key_(key) {}
  Key key_;
};

}  // namespace cove::identity
