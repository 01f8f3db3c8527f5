#include "control/http/server.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstring>
#include <set>

#include "common/log.h"
#include "control/http/connection.h"

namespace hanok::http {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
using asio::ip::tcp;
using LocalProtocol = asio::local::stream_protocol;

constexpr auto kStopTimeout = std::chrono::seconds(10);
constexpr std::string_view kUnixPrefix = "unix:";
constexpr unsigned kMaxConnections = 1024;
constexpr auto kTuple = asio::as_tuple(asio::use_awaitable);

// Listens, hands each client to a Connection, and ends without cutting off what runs.
class BeastServer final : public Server {
 public:
  explicit BeastServer(const ServerSettings& settings) : workers_(settings.workers), signals_(io_) {
    if (!settings.stop_on_signals) return;
    signals_.add(SIGTERM);
    signals_.add(SIGINT);
    signals_.async_wait([this](beast::error_code error, int) {
      if (!error) begin_stop();
    });
  }

  Status add(const Listener& listener) {
    auto door = std::make_unique<Door>(Door{asio::basic_socket_acceptor<asio::generic::stream_protocol>(io_),
                                            listener.dispatcher, authority_of(listener), listener.port});
    beast::error_code error;
    if (listener.address.rfind(kUnixPrefix, 0) == 0) {
      error = open_unix(*door, listener.address.substr(kUnixPrefix.size()));
    } else {
      const auto address = asio::ip::make_address(listener.address, error);
      if (error) return bad_request("listen address '" + listener.address + "' is not an IP address");
      error = open_tcp(*door, tcp::endpoint(address, listener.port));
    }
    if (error) {
      return unavailable(fmt::format("{} cannot listen on {}: {}", listener.dispatcher->service().name,
                                     door->authority, error.message()));
    }
    doors_.push_back(std::move(door));
    return {};
  }

  void run() override {
    for (auto& door : doors_) asio::co_spawn(io_, accept(*door), asio::detached);
    io_.run();
    workers_.join();
  }

  void stop() override {
    asio::post(io_, [this] { begin_stop(); });
  }

  [[nodiscard]] std::vector<std::uint16_t> ports() const override {
    std::vector<std::uint16_t> out;
    for (const auto& door : doors_) out.push_back(door->port);
    return out;
  }

 private:
  struct Door {
    asio::basic_socket_acceptor<asio::generic::stream_protocol> acceptor;
    std::shared_ptr<const Dispatcher> dispatcher;
    std::string authority;
    std::uint16_t port;
  };

  static std::string authority_of(const Listener& listener) {
    if (listener.address.rfind(kUnixPrefix, 0) == 0) return listener.address.substr(kUnixPrefix.size());
    const bool v6 = listener.address.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", v6 ? "[" : "", listener.address, v6 ? "]" : "", listener.port);
  }

  static beast::error_code open_tcp(Door& door, const tcp::endpoint& endpoint) {
    beast::error_code error;
    door.acceptor.open(endpoint.protocol(), error);
    if (!error) door.acceptor.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) door.acceptor.bind(endpoint, error);
    if (!error) door.acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (!error && door.port == 0) {
      tcp::endpoint given;
      const auto local = door.acceptor.local_endpoint();
      std::memcpy(given.data(), local.data(), local.size());
      door.port = given.port();
    }
    return error;
  }

  // Mode 0600 before the first client can come. A socket file that a killed server left is replaced.
  static beast::error_code open_unix(Door& door, const std::string& path) {
    beast::error_code error;
    if (path.size() >= sizeof(sockaddr_un::sun_path)) return make_error_code(beast::errc::filename_too_long);
    unlink(path.c_str());
    const LocalProtocol::endpoint endpoint(path);
    door.acceptor.open(endpoint.protocol(), error);
    if (!error && fchmod(door.acceptor.native_handle(), 0600) != 0)
      error.assign(errno, beast::system_category());
    if (!error) door.acceptor.bind(endpoint, error);
    if (!error && chmod(path.c_str(), 0600) != 0) error.assign(errno, beast::system_category());
    if (!error) door.acceptor.listen(asio::socket_base::max_listen_connections, error);
    return error;
  }

  asio::awaitable<void> accept(Door& door) {
    while (door.acceptor.is_open()) {
      auto [error, socket] = co_await door.acceptor.async_accept(kTuple);
      if (error || stopping_) {
        if (error == asio::error::operation_aborted || stopping_) co_return;
        asio::steady_timer pause(io_, std::chrono::milliseconds(20));  // out of descriptors: others may end
        co_await pause.async_wait(kTuple);
        continue;
      }
      if (connections_.size() >= kMaxConnections) continue;  // closes it
      beast::error_code ignored;
      if (door.authority.front() != '/') socket.set_option(tcp::no_delay(true), ignored);
      asio::co_spawn(io_, serve(std::move(socket), door), asio::detached);
    }
  }

  asio::awaitable<void> serve(Connection::Socket socket, const Door& door) {
    Connection connection(std::move(socket), *door.dispatcher, door.authority,
                          Services{io_, workers_, in_flight_});
    connections_.insert(&connection);
    co_await connection.serve();
    connections_.erase(&connection);
  }

  void begin_stop() {
    if (stopping_) return;
    stopping_ = true;
    beast::error_code ignored;
    signals_.cancel(ignored);
    for (auto& door : doors_) door->acceptor.close(ignored);
    asio::co_spawn(io_, finish(), asio::detached);
  }

  // Running requests end by themselves; after a while those whose clients stall are cut off, so that their
  // handlers end too. Idle keep-alive connections hold nobody.
  asio::awaitable<void> finish() {
    for (int round = 0; round < 2; ++round) {
      const auto deadline = std::chrono::steady_clock::now() + kStopTimeout;
      asio::steady_timer tick(io_);
      while (in_flight_ > 0 && std::chrono::steady_clock::now() < deadline) {
        tick.expires_after(std::chrono::milliseconds(5));
        co_await tick.async_wait(kTuple);
      }
      if (in_flight_ == 0) break;
      spdlog::warn("http: {} requests did not end within {} s", in_flight_, kStopTimeout.count());
      for (Connection* connection : connections_) connection->cut_off();
    }
    io_.stop();
  }

  asio::io_context io_{1};
  asio::thread_pool workers_;
  asio::signal_set signals_;
  std::vector<std::unique_ptr<Door>> doors_;
  std::set<Connection*> connections_;
  unsigned in_flight_ = 0;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<Server>> make_server(const std::vector<Listener>& listeners,
                                            const ServerSettings& settings) {
  auto server = std::make_unique<BeastServer>(settings);
  for (const Listener& listener : listeners) HANOK_CHECK(server->add(listener));
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace hanok::http
