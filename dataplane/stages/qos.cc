// QoS of the sending and the receiving port: limits and the DSCP mark (RFC 2474). Directions are the guest's.
#include "dataplane/stages/qos.h"

#include "dataplane/stages/stages.h"

namespace hanok::dataplane {

void add_meter(Context& context, ObjectRef owner, const std::optional<QosState>& qos, bool egress) {
  if (!qos) return;
  const auto& rate = egress ? qos->egress : qos->ingress;
  if (rate) context.meters.push_back({owner, egress, rate->kbps, rate->burst_kbits});
}

Verdict stage_qos(Context& context) {
  if (const Port* port = context.in_port) {
    add_meter(context, ref(Kind::kPort, port->handle), port->state.qos, true);
    if (port->state.qos && port->state.qos->dscp)
      context.dscp = static_cast<std::uint8_t>(*port->state.qos->dscp);
  }
  if (context.target == Target::kPort)
    add_meter(context, ref(Kind::kPort, context.out_port->handle), context.out_port->state.qos, false);
  return kNext;
}

}  // namespace hanok::dataplane
