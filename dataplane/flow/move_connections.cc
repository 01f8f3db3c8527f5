// A port at which a forwarding begins or ends does not count towards a connection's owner. So a forwarding
// that comes or goes may give connections by that port to another worker: they are taken there, before any
// frame.
#include <vector>

#include "dataplane/flow/engine_impl.h"

namespace hanok::dataplane {
namespace {

std::optional<unsigned> owner_of_names(const ConnectionTable& table, const Connection& connection,
                                       const Ownership& ownership, bool& torn) {
  std::optional<unsigned> owner;
  const auto take = [&](unsigned of_name) {
    torn = torn || (owner && *owner != of_name);
    owner = of_name;
  };
  for (unsigned i = 0; i < connection.key_count; ++i) {
    const ConnectionKey& key = table.key(connection.keys[i]);
    take(ownership.owner(connection.protocol, key.local_port, key.remote_port));
  }
  for (unsigned i = 0; i < connection.record_count; ++i) {
    const FlowKey& key = table.record(connection.records[i]).key;
    take(ownership.owner(key.protocol, key.source_port, key.destination_port));
  }
  return owner;
}

}  // namespace

// What is known of a connection wherever it is; its records are made anew.
struct Engine::Impl::MovedConnection {
  unsigned owner = 0;
  Connection connection;
  std::vector<std::pair<ConnectionKey, bool>> keys;  // and whether the local side began
};

void Engine::Impl::take_moved(std::vector<MovedConnection>& moved) {
  connections_.for_each_connection([&](std::uint32_t slot) {
    const Connection& connection = connections_.connection(slot);
    bool torn = false;
    const auto owner = owner_of_names(connections_, connection, ownership_, torn);
    if (!owner || (!torn && *owner == worker_)) return;
    // Torn: translated to another port, and one of the two is a forwarding's from now on. It begins anew.
    if (torn) {
      counters.connections_torn.add(1);
    } else {
      MovedConnection one{*owner, connection, {}};
      one.connection.last_seen = connections_.last_seen(connection);
      for (unsigned i = 0; i < connection.key_count; ++i)
        one.keys.emplace_back(connections_.key(connection.keys[i]),
                              connections_.local_started(connection.keys[i]));
      moved.push_back(std::move(one));
    }
    connections_.close(slot);
  });
}

void Engine::Impl::adopt(const MovedConnection& moved) {
  const Connection& from = moved.connection;
  DropReason reason{};
  const std::uint32_t slot = connections_.open(from.owner, from.protocol, from.last_seen, reason);
  if (slot == kNoSlot) return;  // no room here: it begins anew, and is refused by name then
  Connection& connection = connections_.connection(slot);
  connection.state = from.state;
  connection.fins = from.fins;
  connection.has_binding = from.has_binding;
  connection.binding = from.binding;
  connections_.schedule(slot, std::max(now(), from.last_seen));
  for (const auto& [key, local_started] : moved.keys) {
    if (!connections_.add_key(slot, key, local_started)) {
      connections_.close(slot);
      return;
    }
  }
}

void Engine::settle(std::span<Engine* const> engines) {
  std::vector<Impl::MovedConnection> moved;
  for (Engine* engine : engines) {
    if (std::exchange(engine->impl_->owners_moved_, false)) engine->impl_->take_moved(moved);
  }
  for (const Impl::MovedConnection& one : moved) engines[one.owner]->impl_->adopt(one);
  for (Engine* engine : engines) engine->impl_->count_remembered();
}

}  // namespace hanok::dataplane
