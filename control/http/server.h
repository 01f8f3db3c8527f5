#pragma once
// The HTTP/1.1 edge: listens for the services and feeds their dispatchers. Boost.Beast lives in server.cc
// and connection.cc alone. Sockets on one thread, handlers on `workers` threads. Bounds: 64 KiB of headers, 1
// MiB of JSON, 1,024 connections per service, 75 s between requests, 120 s for a stalled body or answer.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "control/http/dispatcher.h"

namespace hanok::http {

struct Listener {
  std::string address;  // IPv4 or IPv6 literal, or "unix:/path" (made with mode 0600)
  std::uint16_t port = 0;
  std::shared_ptr<const Dispatcher> dispatcher;
};

class Server {
 public:
  virtual ~Server() = default;
  // Serves until stop(); blocks.
  virtual void run() = 0;
  // From any thread or from `on_signal`. Running requests are finished first (up to 10 s).
  virtual void stop() = 0;
  // The port of each listener, in order (for port 0: the one that the system gave).
  [[nodiscard]] virtual std::vector<std::uint16_t> ports() const = 0;
};

struct ServerSettings {
  unsigned workers = 4;
  bool stop_on_signals = false;  // SIGTERM and SIGINT end run()
};

// Binds every listener or none; kUnavailable names the address that is taken.
[[nodiscard]] Result<std::unique_ptr<Server>> make_server(const std::vector<Listener>& listeners,
                                                          const ServerSettings& settings);

}  // namespace hanok::http
