// The flows of one sandbox that go on because of a decision, so that a change of its policy can be
// told to each at once. Thread: loop-confined. Flows must outlive its members.
#pragma once

#include <unordered_set>

#include "async/event.h"

namespace cove::gateway {

class Flows {
 public:
  // While it lives, `event` is notified (not set) at each change.
  class Member {
   public:
    Member(Flows& flows, async::Event& event) : flows_(flows), event_(event) {
      flows_.events_.insert(&event_);
    }
    ~Member() { flows_.events_.erase(&event_); }
    Member(const Member&) = delete;

   private:
    Flows& flows_;
    async::Event& event_;
  };

  // Waiters run later, from the loop: none joins or leaves meanwhile.
  void Notify() {
    for (async::Event* event : events_) event->NotifyAll();
  }

 private:
  std::unordered_set<async::Event*> events_;
};

}  // namespace cove::gateway
