// What guests ask of 169.254.169.254, port 80, over whatever router they believe in or none, goes to the
// metadata service, if the port has files for it. No rule of a group stands in the way, as with DHCP: it is
// the platform that answers, and nobody else hears.
#include "dataplane/packet/headers.h"
#include "dataplane/stages/stages.h"

namespace hanok::dataplane {

Verdict stage_metadata(Context& context) {
  const Parsed& parsed = context.parsed;
  if (context.in_port == nullptr || context.in_port->metadata.empty() || parsed.l3 != L3::kIpv4 ||
      parsed.protocol != protocol::kTcp || parsed.fragment || parsed.l4_offset == 0 ||
      parsed.destination_port != kMetadataPort || !(parsed.ip_destination == kMetadataIp) ||
      parsed.destination.is_group()) {
    return kNext;
  }
  context.cacheable = false;
  context.cause = ref(Kind::kPort, context.in_port->handle);
  return {Action::kServe};
}

}  // namespace hanok::dataplane
