#pragma once
// What the slow path's stages work on. A stage reads the tables and the engine's memory (through views), and
// writes only into the Context: how the frame is to be changed, where it goes, what the engine is to
// remember. The engine does the rest once all stages have said "next". Stages are pure otherwise, so that a
// trace can run them.

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "dataplane/packet/parse.h"
#include "dataplane/tables/tables_data.h"

namespace hanok::dataplane {

// A connection as one party sees it: a port's zone (its security groups), or a router's (its address
// translation).
enum class Zone : std::uint32_t { kPort, kNatInside, kNatOutside };
struct ConnectionKey {
  Zone zone = Zone::kPort;
  Handle owner = kNone;  // of the port or the router
  Ip local, remote;      // local: the port's side, the inside host, or the external address
  std::uint16_t local_port = 0, remote_port = 0;
  std::uint32_t protocol = 0;
  bool operator==(const ConnectionKey&) const = default;
};

// The connection of a packet (a Context or what an ICMP error quotes, a Parsed) that comes from its local
// party, or goes to it.
template <typename Packet>
ConnectionKey connection_key(Zone zone, Handle owner, const Packet& packet, std::uint32_t protocol,
                             bool from_local) {
  ConnectionKey key{
      zone,    owner, packet.ip_source, packet.ip_destination, packet.source_port, packet.destination_port,
      protocol};
  if (!from_local) {
    std::swap(key.local, key.remote);
    std::swap(key.local_port, key.remote_port);
  }
  return key;
}

// Source NAT of one connection.
struct Binding {
  Handle router = kNone;
  Ip inside, outside;
  std::uint16_t inside_port = 0, outside_port = 0;
};

struct ConnectionMatch {
  std::uint32_t connection = 0;
  bool local_started = false;  // the local side of the key sent the first packet
  const Binding* binding = nullptr;
};

class ConnectionView {
 public:
  virtual ~ConnectionView() = default;
  [[nodiscard]] virtual std::optional<ConnectionMatch> find(const ConnectionKey& key) const = 0;
  // A local port that makes `key` (of kNatOutside) free; `key.local_port` itself where it can be. The search
  // is bounded (RFC 6056, algorithm 3: a start that others cannot guess); nullopt: none found.
  [[nodiscard]] virtual std::optional<std::uint16_t> free_port(ConnectionKey key) const = 0;
};

// A rate limit that a frame goes by; `egress` as seen from the guest.
struct MeterUse {
  ObjectRef owner;  // the port or floating IP
  bool egress = false;
  std::uint32_t kbps = 0, burst_kbits = 0;
};

class NeighbourView {
 public:
  virtual ~NeighbourView() = default;
  [[nodiscard]] virtual std::optional<Mac> mac_of(Handle network, const Ip& ip) const = 0;
};
inline constexpr std::uint32_t kNoLimit = 0xffff;
inline constexpr Handle kUnderlay = 0xfffffffeU;  // stands for a network in neighbour keys: the VTEPs' own

enum class Action : std::uint8_t {
  kNext,      // the following stage
  kDrop,      // with `reason`; a reply may go back all the same (an ICMP error)
  kReply,     // `reply` goes back where the frame came from
  kServe,     // a service of the data plane's own takes it (metadata)
  kHandover,  // waits for the address of `awaited`, then begins again
};
struct Verdict {
  Action action = Action::kNext;
  DropReason reason = DropReason::kCount;
};
inline constexpr Verdict kNext{};
inline Verdict drop(DropReason reason) {
  return {Action::kDrop, reason};
}

// Where the frame goes once it is through.
enum class Target : std::uint8_t { kUndecided, kPort, kSegment, kVtep, kFlood };

struct Awaited {
  Handle network = kNone;
  Ip ip;
  Mac sender_mac;  // of the ARP request
  Ip sender_ip;
};

struct Context {
  Context(const TablesData& the_tables, const ConnectionView& the_connections,
          const NeighbourView& the_neighbours)
      : tables(the_tables), connections(the_connections), neighbours(the_neighbours) {}

  const TablesData& tables;
  const ConnectionView& connections;
  const NeighbourView& neighbours;

  // The frame, without an outer header. Untouched by stages.
  const std::uint8_t* frame = nullptr;
  std::uint16_t length = 0;
  std::uint16_t longest_segment = 0;  // bytes of the longest datagram that a large frame is cut into; else 0
  Parsed parsed;                      // ports of a later fragment are filled in from its first
  DeviceIndex in_device = kNoDevice;
  std::optional<Vxlan> vxlan;
  Mac uplink_mac;           // of the device of `in_uplink`
  bool unresolved = false;  // its next hop was asked for in vain: it does not wait again

  // Where it came from (stage "locate").
  const Port* in_port = nullptr;
  const Uplink* in_uplink = nullptr;
  Segment in_segment;  // valid when in_uplink
  Handle in_network = kNone;
  // Where it is now: moves from network to network with each router.
  Handle network = kNone;

  // How it is to be changed.
  Mac destination, source;
  Ip ip_source, ip_destination;
  std::uint16_t source_port = 0, destination_port = 0;
  std::uint8_t hops = 0;  // routers passed
  std::optional<Binding> new_binding;
  // An ICMP error quotes a packet; where that one was translated, the quotation is translated back.
  struct QuotedEnd {
    Ip ip;
    std::uint16_t port = 0;
  };
  std::optional<QuotedEnd> quoted_source, quoted_destination;

  // Where it goes.
  Target target = Target::kUndecided;
  const Port* out_port = nullptr;
  Segment out_segment;
  Handle out_host = kNone;  // for kVtep
  // Bytes of an IP datagram that fit this way, and both ways; kNoLimit where nothing is known.
  std::uint16_t limit = kNoLimit, both_ways = kNoLimit;
  bool cut = false;  // it does not fit, and may be cut into fragments

  // What the engine remembers.
  struct ZoneUse {
    ConnectionKey key;
    bool local_starts = false;
    bool answers = false;  // this packet goes against the connection's first
    std::optional<ConnectionMatch> match{};
  };
  std::vector<ZoneUse> zones;
  std::vector<ObjectRef> depends;
  bool cacheable = true;  // false: no record is made
  // Where to was chosen between equals by the connection's ports (a const way of looking up says so).
  mutable bool by_source_port = false;
  struct Learned {
    Handle network;
    Ip ip;
    Mac mac;
    bool only_if_known;
  };
  std::optional<Learned> learned;
  std::optional<Awaited> awaited;
  std::vector<std::uint8_t> reply;  // a whole frame, untagged

  // Limits that it goes by, and the mark that it gets.
  std::vector<MeterUse> meters;
  std::optional<std::uint8_t> dscp;

  // For traces: the object that decided. Set by a stage before it returns.
  ObjectRef cause{0, kNone};
  std::string cause_detail;
  DeviceIndex charge = kNoDevice;  // whose counter a drop goes to; kNoDevice: the one it came in by

  void depend(Kind kind, Handle handle) {
    const ObjectRef object = ref(kind, handle);
    for (const ObjectRef& known : depends) {
      if (known == object) return;
    }
    depends.push_back(object);
  }
  Verdict drop_for(DropReason reason, Kind kind, Handle handle) {
    cause = ref(kind, handle);
    return drop(reason);
  }
};

struct Stage {
  std::string_view name;
  Verdict (*run)(Context& context);
};

}  // namespace hanok::dataplane
