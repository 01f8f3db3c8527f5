#pragma once
// Inside of Engine. Three parts: engine.cc (the burst: parse, look up, run), slow_path.cc (stages, and making
// records of what they say), deliver.cc (tags, outer headers, replication, answers, waiting for addresses).

#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/flow/connection_table.h"
#include "dataplane/flow/encapsulation.h"
#include "dataplane/flow/engine.h"
#include "dataplane/flow/engine_shared.h"
#include "dataplane/flow/flow_templates.h"
#include "dataplane/flow/metadata_server.h"
#include "dataplane/flow/meter_table.h"
#include "dataplane/flow/neighbours.h"
#include "dataplane/flow/ownership.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {

class Engine::Impl {
 public:
  Impl(BufferPool& pool, const EngineOptions& options, std::shared_ptr<EngineShared> shared, unsigned worker);
  ~Impl();

  void set_tables(std::shared_ptr<const Tables> tables);
  void set_device_mac(DeviceIndex uplink, const std::array<std::uint8_t, 6>& mac);
  void process(Packet* const* packets, unsigned count, DeviceIndex in_device, std::uint64_t now_us,
               Output& output);
  void poll(std::uint64_t now_us, Output& output);
  [[nodiscard]] std::optional<unsigned> owner_of(const std::uint8_t* frame, std::uint16_t length,
                                                 DeviceIndex in_device, bool from_uplink,
                                                 std::uint64_t now_us) const;
  void drop(Packet* const* packets, unsigned count, DeviceIndex in_device, DropReason reason);
  void count_remembered();  // the gauges
  void begin_counting(DeviceIndex device) { static_cast<void>(counters_of(device)); }
  [[nodiscard]] std::vector<TraceStep> trace(std::span<const std::uint8_t> frame, DeviceIndex in_device,
                                             std::uint64_t now_us);
  [[nodiscard]] std::vector<FlowInfo> flows(DeviceIndex device, std::size_t limit,
                                            std::uint64_t now_us) const;

  // move_connections.cc
  struct MovedConnection;
  void take_moved(std::vector<MovedConnection>& moved);
  void adopt(const MovedConnection& moved);

  Counters counters;
  bool owners_moved_ = false;  // since the last settle()

 private:
  // A frame of the burst between parsing and running. Two cache lines for a plain one (fast_path.cc), of
  // which `parsed` and `arrival` are not filled.
  struct alignas(64) Item {
    Packet* packet = nullptr;
    std::uint64_t hash = 0;
    FlowKey key;
    std::uint32_t candidate = kNoSlot;
    DeviceIndex device = kNoDevice;
    std::uint16_t skip = 0, inner_length = 0;  // bytes of an outer header, and of what is in it
    std::uint8_t ttl = 0, protocol = 0;
    bool plain = false;
    bool is_ipv4 = false;
    bool matchable = false;  // may have a record
    Parsed parsed;
    Arrival arrival;
  };

  // engine.cc
  [[nodiscard]] bool receive(Item& item, bool from_uplink);
  [[nodiscard]] std::optional<DropReason> parse_arrival(Packet& packet, DeviceIndex device, bool from_uplink,
                                                        Parsed& parsed, Arrival& arrival) const;
  void make_key(Item& item) const;
  void run(Item& item);
  [[nodiscard]] bool pass_qos(Packet* packet, const Program& program, const Parsed& parsed,
                              DeviceIndex device);
  // Is what the record was made from still so? Looked at once per change of tables or neighbours.
  [[nodiscard]] bool still_good(std::uint32_t slot) {
    return connections_.record(slot).epoch == epoch_ || good_again(slot);
  }
  [[nodiscard]] bool good_again(std::uint32_t slot);
  [[nodiscard]] bool unchanged_since(std::uint32_t version, const Depends& depends) const;
  void begin(std::uint64_t now_us, Output& output);
  void end();
  void drop_packet(Packet* packet, DeviceIndex device, DropReason reason);
  void count_drop(DeviceIndex device, DropReason reason);
  [[nodiscard]] DeviceCounters& counters_of(DeviceIndex device);
  void release(Packet* packet) { pool_.release(&packet, 1); }

  // fast_path.cc. read_burst fills items_ and says how many; what is dropped at once is none.
  [[nodiscard]] unsigned read_burst(Packet* const* packets, unsigned count, DeviceIndex in_device,
                                    bool from_uplink);
  void run_burst(unsigned count, bool from_uplink);
  [[nodiscard]] bool receive_plain(Item& item, bool from_uplink) const;
  [[nodiscard]] bool read_plain(Item& item, const std::uint8_t* frame, unsigned length,
                                std::uint32_t segment) const;
  [[nodiscard]] bool read_plain_vxlan(Item& item, const std::uint8_t* frame, unsigned length) const;
  [[nodiscard]] bool run_plain(Item& item);

  // open_flow.cc: the record and connection of a first frame, by a template; kNoSlot: it takes the stages.
  struct FirstFrame {
    const FlowKey& key;
    std::uint64_t hash;
    unsigned tcp_flags, ttl, length;
    std::optional<Ip> vtep;  // that sent it, by VXLAN
  };
  [[nodiscard]] std::uint32_t open_by_template(const FirstFrame& frame);
  void prefetch_names(const FlowKey& key, unsigned tcp_flags);  // those that open_by_template asks for
  [[nodiscard]] std::uint32_t open_connection(DeviceIndex owner, std::uint8_t protocol, DropReason& reason);

  // slow_path.cc; rewrite_quoted: quoted.cc
  void slow_path(Item& item);
  void prepare(Context& context, const Item& item) const;
  [[nodiscard]] Verdict run_stages(Context& context, std::vector<TraceStep>* steps) const;
  void refuse(Item& item, Context& context, DropReason reason);
  [[nodiscard]] std::optional<DropReason> compile(const Context& context, Program& program);
  [[nodiscard]] std::optional<DropReason> remember(const Item& item, const Context& context,
                                                   const AskingView& view, const Program& program);
  void rewrite_quoted(const Context& context, std::uint8_t* data, std::uint16_t length) const;
  [[nodiscard]] std::string name_of(ObjectRef object) const;

  // deliver.cc
  [[nodiscard]] std::optional<DropReason> compile_output(const Context& context, Program& program);
  void deliver(Packet* packet, const Program& program, DeviceIndex in_device, std::uint32_t entropy);
  void compile_qos(const Context& context, Program& program);
  // offload.cc: frames with work left to do. deliver_with_work does what the output leaves to us.
  void deliver_with_work(Packet* packet, const Program& program, DeviceIndex in_device,
                         std::uint32_t entropy);
  // Cuts a large frame; each segment goes by its own through what follows (`run_each`), a limit for one.
  template <typename Each>
  void cut_large(Packet* packet, DeviceIndex in_device, Each&& run_each);
  void run_cut(Packet* packet, const Program& program, const Parsed& parsed, DeviceIndex in_device,
               std::uint32_t entropy);
  void complete(Packet& packet);
  [[nodiscard]] bool make_fit(Packet& packet, Context& context);
  // fit.cc: a datagram that is too long for its way, in fragments.
  void deliver_cut(Packet* packet, const Context& context, const Program& program, std::uint32_t entropy);
  void push_vlan(Packet& packet, std::uint16_t vlan) const;
  void send_vxlan(Packet* packet, std::uint32_t encapsulation, DeviceIndex in_device, std::uint32_t entropy);
  [[nodiscard]] std::uint32_t encapsulation_to(std::uint32_t vni, const Ip& vtep);
  void flood(const Context& context, const Program& program, const Packet& packet);
  void flood_outward(Handle network, const Packet& packet, DeviceIndex in_device);
  void reply(const Context& context);
  [[nodiscard]] Packet* copy_of(const std::uint8_t* data, std::uint16_t length, DeviceIndex charge);
  void request_address(const Awaited& awaited);  // unless that is under way
  void send_request(const Awaited& awaited);
  void learn(const Context::Learned& learned);
  void catch_up();  // with what has been learned of neighbours, by whichever worker
  void clear_neighbours();
  void drop_waiting();
  void run_ready();
  void give_up(const Neighbours::Waiting& waiting);
  void serve_metadata(Item& item, const Context& context);
  void send_metadata(const MetadataServer::Frames& frames);
  void advertise_routers();  // router_adverts.cc
  [[nodiscard]] Mac mac_of(const Uplink& uplink) const;

  [[nodiscard]] std::uint32_t now() const { return static_cast<std::uint32_t>(now_us_ >> 20U); }
  [[nodiscard]] const TablesData& data() const { return tables_->data(); }

  struct Batch {
    DeviceIndex device = kNoDevice;
    bool listed = false;  // in filled_
    unsigned count = 0;
    std::uint64_t bytes = 0;
    std::array<Packet*, 64> packets;
  };
  void transmit(Packet* packet, DeviceIndex device) {
    Batch& batch = last_batch_ != nullptr && last_batch_->device == device ? *last_batch_ : batch_of(device);
    batch.bytes += packet->length;
    batch.packets[batch.count++] = packet;
    if (batch.count == batch.packets.size()) flush(batch);
  }
  Batch& batch_of(DeviceIndex device);
  void flush(Batch& batch);

  BufferPool& pool_;
  std::shared_ptr<EngineShared> shared_;
  unsigned worker_;
  Ownership ownership_;
  std::shared_ptr<const Tables> tables_;
  std::uint32_t epoch_ = 1;         // moves with every change of tables or neighbours
  std::uint32_t forced_epoch_ = 0;  // records older than this are compiled again whatever they depend on
  ConnectionTable connections_;
  FlowTemplates templates_;
  EncapsulationTable encapsulations_;
  Neighbours neighbours_;
  std::vector<std::unique_ptr<Batch>> batches_;
  std::vector<DeviceIndex> filled_;
  Batch* last_batch_ = nullptr;  // listed
  MeterTable meters_;
  MetadataServer metadata_;
  std::vector<Neighbours::Waiting> ready_;
  std::vector<std::pair<DeviceIndex, Mac>> device_macs_;
  std::vector<std::uint64_t> counted_id_;  // hash of the id that the device's counters belong to
  std::vector<std::uint64_t> counted_at_;  // tables_count_ when that was seen
  std::uint64_t tables_count_ = 1;         // moves with set_tables
  std::optional<std::uint32_t> own_vtep_;  // IPv4, host order
  std::uint64_t hits_ = 0;                 // of this burst
  std::array<Item, kBurst> items_;
  Output* output_ = nullptr;
  std::uint64_t now_us_ = 0;
  std::uint64_t aged_us_ = 0, served_us_ = 0;
};

}  // namespace hanok::dataplane
