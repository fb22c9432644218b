// The encoding of both private contracts: little-endian fixed-width numbers, strings and lists
// with a 32-bit length in front, fields in the order that Fields() names them.
//
//   struct Ping { std::string text; uint32_t n = 0;
//                 template <class A> void Fields(A& a) { a(text, n); } };
//   std::string body = Encode(ping);   Result<Ping> back = Decode<Ping>(body);
//
// Decode checks every length against what is there and refuses bytes left over: the peer may lie.
// A message whose last fields are younger than boxes that may still run says how many these are
// (kAddedLater): a body may end before them, and they keep what they begin with. Where it is inside
// another message, all of its kind have them, or none has.
// Thread: pure functions.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/strong_id.h"

namespace cove::proto {

class Writer {
 public:
  template <class... T>
  void operator()(T&... fields) {
    (Put(fields), ...);
  }
  std::string Take() { return std::move(out_); }

 private:
  template <class T>
  void Put(T& v) {
    if constexpr (std::is_enum_v<T>) {
      auto raw = static_cast<std::underlying_type_t<T>>(v);
      Put(raw);
    } else if constexpr (std::is_same_v<T, bool>) {
      out_.push_back(v ? 1 : 0);
    } else if constexpr (std::is_integral_v<T>) {
      auto u = static_cast<std::make_unsigned_t<T>>(v);
      for (size_t i = 0; i < sizeof u; ++i)
        out_.push_back(static_cast<char>((u >> (8 * i)) & 0xff));
    } else {
      v.Fields(*this);
    }
  }
  void Put(std::string& v) {
    auto size = static_cast<uint32_t>(v.size());
    Put(size);
    out_ += v;
  }
  template <class Tag>
  void Put(StrongId<Tag>& v) {
    Put(v.value);
  }
  template <class A, class B>
  void Put(std::pair<A, B>& v) {
    Put(v.first);
    Put(v.second);
  }
  template <class T>
  void Put(std::vector<T>& v) {
    auto size = static_cast<uint32_t>(v.size());
    Put(size);
    for (T& item : v) Put(item);
  }
  std::string out_;
};

template <class T>
constexpr size_t AddedLater() {
  if constexpr (requires { T::kAddedLater; }) return T::kAddedLater;
  return 0;
}

// Whether the messages inside a message have the fields that were added later.
enum class Inside : uint8_t { kPresent, kOlder };

class Reader {
 public:
  // Of the message's own fields the last `may_lack` may be missing.
  Reader(std::string_view in, size_t may_lack, Inside inside)
      : in_(in), may_lack_(may_lack), inside_(inside) {}
  template <class... T>
  void operator()(T&... fields) {
    size_t left = sizeof...(T);
    const size_t may_lack = std::exchange(may_lack_, 0);
    const size_t lacks = std::exchange(lacks_, 0);
    ((left <= lacks || (left <= may_lack && in_.empty()) ? void() : Get(fields), --left), ...);
  }
  bool Complete() const { return ok_ && in_.empty(); }

 private:
  bool Need(size_t n) {
    if (!ok_ || in_.size() < n) ok_ = false;
    return ok_;
  }
  template <class T>
  void Get(T& v) {
    if constexpr (std::is_enum_v<T>) {
      std::underlying_type_t<T> raw{};
      Get(raw);
      v = static_cast<T>(raw);
    } else if constexpr (std::is_same_v<T, bool>) {
      if (!Need(1)) return;
      if (in_[0] != 0 && in_[0] != 1) ok_ = false;
      v = in_[0] == 1;
      in_.remove_prefix(1);
    } else if constexpr (std::is_integral_v<T>) {
      if (!Need(sizeof(T))) return;
      std::make_unsigned_t<T> u = 0;
      for (size_t i = 0; i < sizeof u; ++i) {
        u |= static_cast<std::make_unsigned_t<T>>(
            static_cast<std::make_unsigned_t<T>>(static_cast<unsigned char>(in_[i])) << (8 * i));
      }
      v = static_cast<T>(u);
      in_.remove_prefix(sizeof(T));
    } else {
      if (inside_ == Inside::kOlder) lacks_ = AddedLater<T>();
      v.Fields(*this);
    }
  }
  void Get(std::string& v) {
    uint32_t size = 0;
    Get(size);
    if (!Need(size)) return;
    v.assign(in_.substr(0, size));
    in_.remove_prefix(size);
  }
  template <class Tag>
  void Get(StrongId<Tag>& v) {
    Get(v.value);
  }
  template <class A, class B>
  void Get(std::pair<A, B>& v) {
    Get(v.first);
    Get(v.second);
  }
  template <class T>
  void Get(std::vector<T>& v) {
    uint32_t size = 0;
    Get(size);
    v.clear();
    // Every item takes at least one byte, so a length that lies cannot make us allocate.
    if (!Need(size)) return;
    for (uint32_t i = 0; i < size && ok_; ++i) {
      v.emplace_back();
      Get(v.back());
    }
  }
  std::string_view in_;
  size_t may_lack_;
  Inside inside_;
  size_t lacks_ = 0;
  bool ok_ = true;
};

// `message` is not changed; Fields() is one function for both directions and so takes it non-const.
template <class T>
std::string Encode(const T& message) {
  Writer w;
  const_cast<T&>(message).Fields(w);
  return w.Take();
}

template <class T>
Result<T> Decode(std::string_view body) {
  for (const Inside inside : {Inside::kPresent, Inside::kOlder}) {
    T out;
    Reader r(body, AddedLater<T>(), inside);
    out.Fields(r);
    if (r.Complete()) return out;
  }
  return Error(Code::kInvalid, "a message of the private protocol is malformed");
}

}  // namespace cove::proto
