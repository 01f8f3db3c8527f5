#pragma once
// Hypervisor over libvirt (https://libvirt.org/html/index.html). Connects when it is first needed and again
// when libvirtd was restarted; guests run on meanwhile.

#include <memory>
#include <string>

#include "agents/compute/domain_xml.h"
#include "agents/compute/hypervisor.h"

namespace hanok::agent {

// `uri`: "qemu:///system?socket=...". Starts libvirt's event loop on a thread of its own; make one per
// process.
[[nodiscard]] std::unique_ptr<Hypervisor> libvirt_hypervisor(const std::string& uri,
                                                             const DomainSettings& settings);

}  // namespace hanok::agent
