// Confine: what the front gives up before it parses a byte that a stranger wrote.
//
// It has no capability and cannot gain one (the runner saw to that). Here it keeps only the system
// calls that a web server with a database needs; a call that is not on the list fails with EPERM
// and is logged once (event "syscall.refused"; sys/allow_calls.h). It cannot execute anything, make
// a process, trace, mount, or open a socket of another family than unix, inet, inet6 and netlink.
// Core dumps are off, because keys of providers are in its memory.
// Thread: call once, before any other thread exists.
#pragma once

#include "base/result.h"

namespace cove::front {

Result<void> Confine();

}  // namespace cove::front
