// Says that the server is ready: a line on standard output, and a message to systemd.
// Source: sd_notify(3). Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "net/socket.h"

namespace cove::runner {

// "http://127.0.0.1:3986"
std::string BaseUrl(const net::SocketAddress& address);
// Prints "ready URL" and notifies.
void AnnounceReady(const std::string& url);
// "READY=1", "STOPPING=1"; nothing without NOTIFY_SOCKET.
void NotifySystemd(std::string_view state);

}  // namespace cove::runner
