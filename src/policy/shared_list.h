// A list that many rules have in common: made once, copied for nothing. A rule with hosts and paths
// becomes one for each host, and a small document would otherwise become a big one.
// Thread: values; what they share is never changed.
#pragma once

#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

namespace cove::policy {

template <class T>
class SharedList {
 public:
  SharedList() = default;
  SharedList(std::vector<T> items)  // NOLINT(google-explicit-constructor): a list is a list
      : items_(items.empty() ? nullptr : std::make_shared<const std::vector<T>>(std::move(items))) {
  }
  SharedList(std::initializer_list<T> items) : SharedList(std::vector<T>(items)) {}

  bool empty() const { return items_ == nullptr; }
  size_t size() const { return items_ == nullptr ? 0 : items_->size(); }
  const std::vector<T>& items() const {
    static const std::vector<T> none;
    return items_ == nullptr ? none : *items_;
  }
  auto begin() const { return items().begin(); }
  auto end() const { return items().end(); }

 private:
  std::shared_ptr<const std::vector<T>> items_;
};

}  // namespace cove::policy
