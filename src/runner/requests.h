// Requests: decodes and checks what the front asks, has it done, and replies. The only place where
// bytes from the front are looked at. Thread: loop-confined. `boxes`, `jobs` and `data` must
// outlive this.
#pragma once

#include "async/task_group.h"
#include "runner/boxes.h"
#include "runner/front_link.h"

namespace cove::runner {

class Requests {
 public:
  Requests(Boxes& boxes, Jobs& jobs, const DataDir& data)
      : boxes_(boxes), jobs_(jobs), data_(data) {}

  // Starts work on a frame. An error means that the front does not keep to the contract: end it.
  Result<void> Handle(std::shared_ptr<FrontLink> link, proto::Frame frame);
  // Waits until no request is under way, at most until `deadline`.
  Task<void> Drain(TimePoint deadline);
  // Ends those that are, where they are: what they leave is what a runner that dies leaves.
  void Cancel() { tasks_.Clear(); }

 private:
  struct Answer {
    std::string body;
    std::vector<UniqueFd> fds;
  };
  Task<void> Serve(std::shared_ptr<FrontLink> link, proto::runner::Type type,
                   proto::runner::Request request);
  Task<Result<Answer>> Do(std::shared_ptr<FrontLink> link, proto::runner::Type type,
                          uint64_t number, std::string body);
  Task<Result<Answer>> DoBox(proto::runner::Type type, std::string body);
  Task<Result<Answer>> DoImage(std::shared_ptr<FrontLink> link, proto::runner::Type type,
                               uint64_t number, std::string body);

  Boxes& boxes_;
  Jobs& jobs_;
  const DataDir& data_;
  async::TaskGroup tasks_;
};

}  // namespace cove::runner
