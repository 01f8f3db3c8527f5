#include "agents/compute/libvirt_hypervisor.h"

#include <fmt/format.h>
#include <libvirt/virterror.h>

#include <cstdlib>

#include "agents/compute/libvirt_connection.h"

namespace hanok::agent {
namespace {

struct MallocFree {
  void operator()(char* text) const { std::free(text); }
};
using Text = std::unique_ptr<char, MallocFree>;

unsigned affects(bool defined, bool live) {
  unsigned out = 0;
  if (defined) out |= VIR_DOMAIN_AFFECT_CONFIG;
  if (live) out |= VIR_DOMAIN_AFFECT_LIVE;
  return out;
}

DomainState state_of(int state, bool saved) {
  switch (state) {
    case VIR_DOMAIN_RUNNING:
    case VIR_DOMAIN_BLOCKED:
    case VIR_DOMAIN_SHUTDOWN:
      return DomainState::kRunning;
    case VIR_DOMAIN_PAUSED:
    case VIR_DOMAIN_PMSUSPENDED:
      return DomainState::kPaused;
    default:
      return saved ? DomainState::kSaved : DomainState::kStopped;
  }
}

class LibvirtHypervisor final : public Hypervisor {
 public:
  LibvirtHypervisor(const std::string& uri, DomainSettings settings)
      : settings_(std::move(settings)), connection_(uri) {}

  Result<std::vector<std::string>> list() override {
    HANOK_TRY(connection, connection_.get());
    virDomainPtr* domains = nullptr;
    const int count = virConnectListAllDomains(connection.get(), &domains, 0);
    if (count < 0) return libvirt_error("list");
    std::vector<std::string> out;
    for (int i = 0; i < count; ++i) {
      const DomainPtr domain(domains[i]);
      char id[VIR_UUID_STRING_BUFLEN] = {};
      if (marks_of(domain.get()) && virDomainGetUUIDString(domain.get(), id) == 0) out.emplace_back(id);
    }
    std::free(domains);
    return out;
  }

  Result<std::optional<DomainView>> look(const std::string& id) override {
    auto domain = find(id);
    if (!domain.ok()) {
      if (domain.error().code == ErrorCode::kNotFound) return std::optional<DomainView>{};
      return domain.take_error();
    }
    DomainView out;
    out.marks = *marks_of(domain->get());
    int state = 0;
    if (virDomainGetState(domain->get(), &state, nullptr, 0) < 0) return libvirt_error("state");
    out.state = state_of(state, virDomainHasManagedSaveImage(domain->get(), 0) == 1);
    const Text defined(virDomainGetXMLDesc(domain->get(), VIR_DOMAIN_XML_INACTIVE));
    if (!defined) return libvirt_error("describe");
    out.defined = read_devices(defined.get());
    if (out.state == DomainState::kRunning || out.state == DomainState::kPaused) {
      const Text live(virDomainGetXMLDesc(domain->get(), 0));
      if (!live) return libvirt_error("describe");
      out.live = read_devices(live.get());
    }
    return std::optional<DomainView>{std::move(out)};
  }

  Status define(const DomainSpec& spec) override {
    HANOK_TRY(connection, connection_.get());
    const DomainPtr domain(virDomainDefineXML(connection.get(), domain_xml(spec, settings_).c_str()));
    if (!domain) return libvirt_error("define");
    return {};
  }

  Status undefine(const std::string& id) override {
    return with(id, "undefine",
                [](virDomainPtr d) { return virDomainUndefineFlags(d, VIR_DOMAIN_UNDEFINE_MANAGED_SAVE); });
  }

  Status mark(const std::string& id, const Marks& marks) override {
    const std::string xml = marks_xml(marks, settings_.owner);
    return with(id, "mark", [&](virDomainPtr d) {
      const bool live = virDomainIsActive(d) == 1;
      return virDomainSetMetadata(d, VIR_DOMAIN_METADATA_ELEMENT, xml.c_str(), "hanok", kMarksNamespace,
                                  affects(true, live));
    });
  }

  Status start(const std::string& id) override {
    return with(id, "start", [](virDomainPtr d) { return virDomainCreate(d); });
  }
  Status press_power(const std::string& id) override {
    return with(id, "shutdown",
                [](virDomainPtr d) { return virDomainShutdownFlags(d, VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN); });
  }
  Status destroy(const std::string& id) override {
    return with(id, "destroy", [](virDomainPtr d) { return virDomainDestroy(d); });
  }
  Status pause(const std::string& id) override {
    return with(id, "pause", [](virDomainPtr d) { return virDomainSuspend(d); });
  }
  Status resume(const std::string& id) override {
    return with(id, "resume", [](virDomainPtr d) { return virDomainResume(d); });
  }
  Status save(const std::string& id) override {
    return with(id, "save", [](virDomainPtr d) { return virDomainManagedSave(d, VIR_DOMAIN_SAVE_RUNNING); });
  }
  Status drop_saved(const std::string& id) override {
    return with(id, "drop saved memory", [](virDomainPtr d) { return virDomainManagedSaveRemove(d, 0); });
  }

  Status attach_disk(const std::string& id, const DiskSpec& disk, bool defined, bool live) override {
    return attach(id, disk_xml(disk, settings_), defined, live);
  }
  Status detach_disk(const std::string& id, const std::string& serial, bool defined, bool live) override {
    return detach(
        id, [&](const char* xml) { return find_disk(xml, serial); }, defined, live);
  }
  // Never shrinks: QEMU would take the image itself along.
  Status grow_disk(const std::string& id, const std::string& serial, std::uint64_t size_bytes) override {
    return with(id, "grow disk", [&](virDomainPtr d) {
      const Text xml(virDomainGetXMLDesc(d, 0));
      if (!xml) return -1;
      const std::string disk = find_disk(xml.get(), serial);
      const std::string target = disk_target(disk);
      if (target.empty() || is_vhost_user(disk)) return 0;  // hanok-storage tells the guest by itself
      virDomainBlockInfo info{};
      if (virDomainGetBlockInfo(d, target.c_str(), &info, 0) < 0) return -1;
      if (info.capacity >= size_bytes) return 0;
      // QEMU gives librbd the size as that of the image, header and all.
      return virDomainBlockResize(d, target.c_str(), size_bytes + disk_header_bytes(disk),
                                  VIR_DOMAIN_BLOCK_RESIZE_BYTES);
    });
  }
  Status attach_nic(const std::string& id, const NicSpec& nic, bool defined, bool live) override {
    return attach(id, nic_xml(nic), defined, live);
  }
  Status detach_nic(const std::string& id, const std::string& mac, bool defined, bool live) override {
    return detach(
        id, [&](const char* xml) { return find_nic(xml, mac); }, defined, live);
  }

  Status keep_secret(const DiskSpec& disk) override {
    HANOK_TRY(connection, connection_.get());
    const SecretPtr secret(virSecretDefineXML(connection.get(), secret_xml(disk).c_str(), 0));
    if (!secret) return libvirt_error("define secret");
    const auto* value = reinterpret_cast<const unsigned char*>(disk.passphrase.data());
    if (virSecretSetValue(secret.get(), value, disk.passphrase.size(), 0) < 0)
      return libvirt_error("set secret");
    return {};
  }
  Status forget_secret(const std::string& serial) override {
    HANOK_TRY(connection, connection_.get());
    const SecretPtr secret(virSecretLookupByUUIDString(connection.get(), serial.c_str()));
    if (!secret) return {};
    return virSecretUndefine(secret.get()) < 0 ? Status(libvirt_error("undefine secret")) : Status();
  }

  Result<Capacity> capacity() override {
    HANOK_TRY(connection, connection_.get());
    virNodeInfo info{};
    if (virNodeGetInfo(connection.get(), &info) < 0) return libvirt_error("capacity");
    return Capacity{static_cast<std::int64_t>(info.cpus), static_cast<std::int64_t>(info.memory / 1024)};
  }

  std::string version() override {
    auto connection = connection_.get();
    unsigned long number = 0;
    if (!connection.ok() || virConnectGetVersion(connection->get(), &number) < 0) return {};
    return fmt::format("QEMU {}.{}.{}", number / 1'000'000, number / 1000 % 1000, number % 1000);
  }

  void watch(std::function<void(const std::string&)> changed) override {
    connection_.watch(std::move(changed));
  }

 private:
  std::optional<Marks> marks_of(virDomainPtr domain) {
    const Text xml(
        virDomainGetMetadata(domain, VIR_DOMAIN_METADATA_ELEMENT, kMarksNamespace, VIR_DOMAIN_AFFECT_CONFIG));
    if (!xml) return std::nullopt;
    return read_marks(xml.get(), settings_.owner);
  }

  Result<DomainPtr> find(const std::string& id) {
    HANOK_TRY(connection, connection_.get());
    DomainPtr domain(virDomainLookupByUUIDString(connection.get(), id.c_str()));
    if (!domain) return libvirt_error("find " + id);
    if (!marks_of(domain.get())) return not_found("domain " + id + " is not of this agent");
    return domain;
  }

  template <typename Call>
  Status with(const std::string& id, const std::string& what, Call call) {
    HANOK_TRY(domain, find(id));
    if (call(domain.get()) < 0) return libvirt_error(what);
    return {};
  }

  Status attach(const std::string& id, const std::string& xml, bool defined, bool live) {
    return with(id, "attach", [&](virDomainPtr d) {
      return virDomainAttachDeviceFlags(d, xml.c_str(), affects(defined, live));
    });
  }

  // Live and defined one after the other: a device may be gone from the one and not from the other.
  template <typename Find>
  Status detach(const std::string& id, Find find, bool defined, bool live) {
    return with(id, "detach", [&](virDomainPtr d) {
      for (const bool from_live : {true, false}) {
        if (!(from_live ? live : defined)) continue;
        const Text xml(virDomainGetXMLDesc(d, from_live ? 0 : VIR_DOMAIN_XML_INACTIVE));
        if (!xml) return -1;
        const std::string device = find(xml.get());
        if (device.empty()) continue;
        if (virDomainDetachDeviceFlags(d, device.c_str(), affects(!from_live, from_live)) < 0) return -1;
      }
      return 0;
    });
  }

  DomainSettings settings_;
  LibvirtConnection connection_;
};

}  // namespace

std::unique_ptr<Hypervisor> libvirt_hypervisor(const std::string& uri, const DomainSettings& settings) {
  return std::make_unique<LibvirtHypervisor>(uri, settings);
}

}  // namespace hanok::agent
