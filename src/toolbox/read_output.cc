#include "toolbox/read_output.h"

#include <unistd.h>

#include <cerrno>

namespace cove::toolbox {

Took ReadOutput(int fd, size_t max, std::string* buffer) {
  for (;;) {
    buffer->resize(max);
    const ssize_t n = read(fd, buffer->data(), buffer->size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return Took::kNothing;
    if (n <= 0) return Took::kEnd;
    buffer->resize(static_cast<size_t>(n));
    return Took::kSome;
  }
}

}  // namespace cove::toolbox
