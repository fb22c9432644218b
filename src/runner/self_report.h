// What the running server says of itself to `cove doctor`, which would see its own file limit,
// mounts and cgroups. A unix socket below DIR/runner, where only root comes: the server writes its
// findings to whoever connects, reads nothing, and closes.
#pragma once

#include <functional>

#include "async/task.h"
#include "base/unique_fd.h"
#include "runner/doctor.h"

namespace cove::runner {

// REQUIRES: the lock of the data directory is held. A socket of an earlier server goes.
Result<UniqueFd> ListenForDoctor(const std::string& runner_dir);
// For ever; an error of the listener ends it. `findings` must outlive the task.
async::Task<void> AnswerDoctors(UniqueFd listener,
                                std::function<Result<std::vector<Finding>>()> findings);

// Blocks for at most a few seconds. kNotFound: none listens; kTimeout: it does not answer.
Result<std::vector<Finding>> AskServer(const std::string& runner_dir);

}  // namespace cove::runner
