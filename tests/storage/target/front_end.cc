#include "tests/storage/target/front_end.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>

#include "storage/target/config_space.h"
#include "storage/target/vhost/message.h"

namespace hanok::storage::target::testing {
namespace {

// Messages that only a front end sends (vhost-user, "Front-end message types").
enum : std::uint32_t {
  kGetFeatures = 1,
  kSetFeatures = 2,
  kSetOwner = 3,
  kGetProtocolFeatures = 15,
  kSetProtocolFeatures = 16,
};
constexpr std::uint32_t kVersion = 1;
constexpr std::uint64_t kProtocol =
    (1U << 0U) /* MQ */ | (1U << 9U) /* CONFIG */ | (1U << 12U) /* INFLIGHT_SHMFD */;
constexpr std::uint64_t kWanted =
    kFeatureVersion1 | kFeatureIndirect | kFeatureProtocol | feature(9) | feature(13) | feature(14);
constexpr std::uint64_t kStatus = 16;  // offsets in a slot
constexpr std::uint64_t kRange = 32;
constexpr std::uint64_t kTable = 512;

struct __attribute__((packed)) Inflight {
  std::uint64_t size, offset;
  std::uint16_t queues, queue_size;
  std::uint32_t padding;
};
struct __attribute__((packed)) Addresses {
  std::uint32_t index, flags;
  std::uint64_t descriptors, used, available, log;
};
struct MemoryTable {
  std::uint32_t regions, padding;
  std::uint64_t guest, size, user, offset;
};
struct State {
  std::uint32_t index, value;
};
struct Range {
  std::uint64_t sector;
  std::uint32_t sectors, flags;
};

Error failed(const char* what) {
  return unavailable(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

FrontEnd::FrontEnd(const Options& options) : options_(options) {
  size_ = static_cast<std::uint16_t>(std::bit_ceil(std::max<unsigned>(options.depth, 2)));
  const std::uint64_t ring_bytes = (RingPlace::bytes(size_) + 8191) & ~4095ULL;
  slots_at_ = ring_bytes * options.queues;
  memory_bytes_ = (slots_at_ + options.depth * (kSlotHead_bytes + options.slot_bytes) + 4095) & ~4095ULL;
  memory_fd_ = memfd_create("guest", MFD_CLOEXEC);
  HANOK_ASSERT(memory_fd_ >= 0 && ftruncate(memory_fd_, static_cast<off_t>(memory_bytes_)) == 0);
  void* memory = mmap(nullptr, memory_bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd_, 0);
  HANOK_ASSERT(memory != MAP_FAILED);
  memory_ = static_cast<std::byte*>(memory);
  queues_.resize(options.queues);
  for (std::uint16_t i = 0; i < options.queues; ++i) {
    Queue& queue = queues_[i];
    queue.kick_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    queue.call_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    queue.place = RingPlace::at(memory_, ring_bytes * i, size_, options.event_index);
    queue.driver = options.packed ? packed_driver(queue.place) : split_driver(queue.place);
  }
}

FrontEnd::~FrontEnd() {
  disconnect();
  munmap(memory_, memory_bytes_);
  for (const Queue& queue : queues_) {
    close(queue.kick_fd);
    close(queue.call_fd);
  }
  for (const int fd : {memory_fd_, record_fd_}) {
    if (fd >= 0) close(fd);
  }
}

void FrontEnd::disconnect() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
}

std::uint64_t FrontEnd::slot_at(std::uint16_t slot) const {
  return slots_at_ + slot * (kSlotHead_bytes + std::uint64_t{options_.slot_bytes});
}

std::byte* FrontEnd::data(std::uint16_t slot) const {
  return memory_ + slot_at(slot) + kSlotHead_bytes;
}

Status FrontEnd::send(std::uint32_t request, const void* payload, std::uint32_t size, int fd) {
  std::array<std::uint32_t, 3> header = {request, kVersion, size};
  std::array<iovec, 2> parts = {iovec{header.data(), sizeof(header)},
                                iovec{const_cast<void*>(payload), size}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  if (fd >= 0) {
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    std::memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
  }
  if (sendmsg(socket_, &message, MSG_NOSIGNAL) < 0) return failed("sendmsg");
  return {};
}

Status FrontEnd::ask(std::uint32_t request, void* payload, std::uint32_t size, int* fd) {
  HANOK_CHECK(send(request, payload, request == kGetConfig || request == kGetInflightFd ? size : 0));
  std::array<std::uint32_t, 3> header{};
  std::array<iovec, 2> parts = {iovec{header.data(), sizeof(header)}, iovec{payload, size}};
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
  message.msg_control = control.data();
  message.msg_controllen = control.size();
  const ssize_t got = recvmsg(socket_, &message, MSG_CMSG_CLOEXEC | MSG_WAITALL);
  if (got != static_cast<ssize_t>(sizeof(header) + size) || header[0] != request) return failed("no answer");
  const cmsghdr* rights = CMSG_FIRSTHDR(&message);
  if (fd != nullptr && rights != nullptr) std::memcpy(fd, CMSG_DATA(rights), sizeof(*fd));
  return {};
}

Status FrontEnd::connect() {
  disconnect();
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (options_.socket.size() >= sizeof(address.sun_path)) return bad_request("socket: the path is too long");
  std::memcpy(address.sun_path, options_.socket.c_str(), options_.socket.size() + 1);
  socket_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval patience{.tv_sec = 60, .tv_usec = 0};
  setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
  Status outcome;
  if (::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0) {
    outcome = failed(options_.socket.c_str());
  } else {
    outcome = negotiate();
    if (outcome.ok() && options_.inflight) outcome = set_up_record();
    if (outcome.ok()) outcome = start_rings();
  }
  if (!outcome.ok()) disconnect();
  return outcome;
}

Status FrontEnd::negotiate() {
  std::uint64_t features = 0;
  HANOK_CHECK(send(kSetOwner, nullptr, 0));
  HANOK_CHECK(ask(kGetFeatures, &features, sizeof(features)));
  features &= kWanted | (options_.packed ? kFeaturePacked : 0) |
              (options_.event_index ? kFeatureEventIndex : 0) |
              (options_.queues > 1 ? kFeatureMultiQueue : 0);
  if (options_.packed && (features & kFeaturePacked) == 0) return unavailable("no packed rings");
  std::uint64_t protocol = 0;
  HANOK_CHECK(ask(kGetProtocolFeatures, &protocol, sizeof(protocol)));
  protocol &= kProtocol;
  HANOK_CHECK(send(kSetProtocolFeatures, &protocol, sizeof(protocol)));
  HANOK_CHECK(send(kSetFeatures, &features, sizeof(features)));
  struct __attribute__((packed)) {
    std::uint32_t offset = 0, size = sizeof(BlkConfig), flags = 0;
    BlkConfig values{};
  } config;
  HANOK_CHECK(ask(kGetConfig, &config, sizeof(config)));
  if (config.values.queues < options_.queues) return unavailable("not so many rings");
  capacity_bytes_ = config.values.capacity_sectors * kSectorBytes;
  options_.inflight = options_.inflight && (protocol & (1U << 12U)) != 0;
  return {};
}

Status FrontEnd::set_up_record() {
  Inflight inflight{record_bytes_, record_offset_, options_.queues, size_, 0};
  if (record_fd_ < 0) {
    HANOK_CHECK(ask(kGetInflightFd, &inflight, sizeof(inflight), &record_fd_));
    record_bytes_ = inflight.size;
    record_offset_ = inflight.offset;
    inflight.queues = options_.queues;
    inflight.queue_size = size_;
  }
  return send(kSetInflightFd, &inflight, sizeof(inflight), record_fd_);
}

Status FrontEnd::start_rings() {
  const auto user = reinterpret_cast<std::uint64_t>(memory_);
  const MemoryTable table{1, 0, kGuestBase, memory_bytes_, user, 0};
  HANOK_CHECK(send(kSetMemTable, &table, sizeof(table), memory_fd_));
  for (std::uint16_t i = 0; i < options_.queues; ++i) HANOK_CHECK(start_ring(i));
  return {};
}

Status FrontEnd::start_ring(std::uint16_t index) {
  const Queue& queue = queues_[index];
  const auto user = reinterpret_cast<std::uint64_t>(memory_);
  const State size{index, size_};
  HANOK_CHECK(send(kSetVringNum, &size, sizeof(size)));
  const State base{index, queue.driver->base()};
  HANOK_CHECK(send(kSetVringBase, &base, sizeof(base)));
  const RingPlace& place = queue.place;
  const Addresses addresses{index, 0, user + place.descriptors, user + place.used, user + place.available, 0};
  HANOK_CHECK(send(kSetVringAddr, &addresses, sizeof(addresses)));
  const std::uint64_t ring = index;
  HANOK_CHECK(send(kSetVringCall, &ring, sizeof(ring), queue.call_fd));
  HANOK_CHECK(send(kSetVringKick, &ring, sizeof(ring), queue.kick_fd));
  const State enabled{index, 1};
  HANOK_CHECK(send(kSetVringEnable, &enabled, sizeof(enabled)));
  const std::uint64_t one = 1;  // what was made available while nobody listened
  static_cast<void>(!write(queue.kick_fd, &one, sizeof(one)));
  return {};
}

Status FrontEnd::restart_ring(std::uint16_t index) {
  const std::uint64_t ring = index;
  return send(kSetVringKick, &ring, sizeof(ring), queues_[index].kick_fd);
}

void FrontEnd::submit(std::uint16_t slot, RequestType type, std::uint64_t offset_bytes,
                      std::uint32_t length) {
  const std::uint64_t at = slot_at(slot);
  const std::uint64_t guest = kGuestBase + at;
  const bool ranged = type == RequestType::kDiscard || type == RequestType::kWriteZeroes;
  const std::uint64_t sector = ranged ? 0 : offset_bytes / kSectorBytes;
  std::memset(memory_ + at, 0, kStatus);
  std::memcpy(memory_ + at, &type, sizeof(type));
  std::memcpy(memory_ + at + 8, &sector, sizeof(sector));
  memory_[at + kStatus] = std::byte{0xff};
  std::vector<Segment> segments = {{guest, 16, false}};
  if (ranged) {
    const Range range{offset_bytes / kSectorBytes, length / kSectorBytes, 0};
    std::memcpy(memory_ + at + kRange, &range, sizeof(range));
    segments.push_back({guest + kRange, sizeof(range), false});
  } else if (length != 0) {
    const bool device_writes = type == RequestType::kRead || type == RequestType::kGetId;
    segments.push_back({guest + kSlotHead_bytes, length, device_writes});
  }
  segments.push_back({guest + kStatus, 1, true});
  HANOK_ASSERT(queue_of(slot).driver->add(segments, slot, guest + kTable));
}

void FrontEnd::kick() {
  const std::uint64_t one = 1;
  for (const Queue& queue : queues_) {
    if (queue.driver->needs_kick()) static_cast<void>(!write(queue.kick_fd, &one, sizeof(one)));
  }
}

bool FrontEnd::collect(std::chrono::milliseconds wait, const std::function<void(Done)>& done) {
  bool any = false;
  const auto take = [&] {
    for (const Queue& queue : queues_) {
      while (const auto used = queue.driver->take_used()) {
        any = true;
        done({used->token, static_cast<std::uint8_t>(memory_[slot_at(used->token) + kStatus])});
      }
    }
  };
  take();
  if (any) return true;
  bool ready = false;
  for (const Queue& queue : queues_) ready = queue.driver->enable_calls() || ready;
  if (!ready) {
    std::vector<pollfd> waits = {{socket_, POLLIN | POLLRDHUP, 0}};
    for (const Queue& queue : queues_) waits.push_back({queue.call_fd, POLLIN, 0});
    poll(waits.data(), waits.size(), static_cast<int>(wait.count()));
    std::uint64_t ignored = 0;
    for (std::size_t i = 1; i < waits.size(); ++i) {
      if (waits[i].revents != 0) static_cast<void>(!read(waits[i].fd, &ignored, sizeof(ignored)));
    }
    if (waits[0].revents != 0) {
      take();
      disconnect();
      return false;
    }
  }
  take();
  return true;
}

}  // namespace hanok::storage::target::testing
