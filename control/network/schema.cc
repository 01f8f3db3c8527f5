#include "control/network/schema.h"

namespace hanok::network {
namespace {

// Addresses are kept twice: as text for clients, and as a fixed-width hex key that orders numerically.
// '' stands for "none" in columns that take part in uniqueness, because NULLs differ from one another there.
constexpr const char* kVersion1 = R"sql(
CREATE TABLE networks (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  admin_state_up INTEGER NOT NULL, shared INTEGER NOT NULL, external INTEGER NOT NULL, is_default INTEGER NOT NULL,
  mtu INTEGER NOT NULL, network_type TEXT NOT NULL, physical_network TEXT NOT NULL, segmentation_id INTEGER NOT NULL,
  port_security_enabled INTEGER NOT NULL, availability_zone_hints TEXT NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX networks_by_project ON networks (project_id);
CREATE INDEX networks_by_name ON networks (name);
CREATE UNIQUE INDEX networks_by_segment ON networks (network_type, physical_network, segmentation_id);

CREATE TABLE segment_cursor (network_type TEXT PRIMARY KEY, next INTEGER NOT NULL);

CREATE TABLE subnetpools (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  ip_version INTEGER NOT NULL, prefixes TEXT NOT NULL, default_prefixlen INTEGER NOT NULL,
  min_prefixlen INTEGER NOT NULL, max_prefixlen INTEGER NOT NULL, shared INTEGER NOT NULL,
  is_default INTEGER NOT NULL, default_quota INTEGER,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX subnetpools_by_project ON subnetpools (project_id);

CREATE TABLE subnets (
  id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), project_id TEXT NOT NULL,
  name TEXT NOT NULL, description TEXT NOT NULL, ip_version INTEGER NOT NULL, cidr TEXT NOT NULL,
  first_key TEXT NOT NULL, last_key TEXT NOT NULL, gateway_ip TEXT, enable_dhcp INTEGER NOT NULL,
  ipv6_address_mode TEXT, ipv6_ra_mode TEXT, dns_nameservers TEXT NOT NULL, host_routes TEXT NOT NULL,
  service_types TEXT NOT NULL, subnetpool_id TEXT REFERENCES subnetpools (id),
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX subnets_by_network ON subnets (network_id);
CREATE INDEX subnets_by_project ON subnets (project_id);
CREATE INDEX subnets_by_name ON subnets (name);
CREATE INDEX subnets_by_subnetpool ON subnets (subnetpool_id);

CREATE TABLE allocation_pools (
  subnet_id TEXT NOT NULL REFERENCES subnets (id) ON DELETE CASCADE,
  first_key TEXT NOT NULL, last_key TEXT NOT NULL, next_key TEXT NOT NULL,
  PRIMARY KEY (subnet_id, first_key));
CREATE TABLE released_addresses (
  sequence INTEGER PRIMARY KEY, subnet_id TEXT NOT NULL REFERENCES subnets (id) ON DELETE CASCADE,
  ip_key TEXT NOT NULL, UNIQUE (subnet_id, ip_key));
CREATE INDEX released_in_order ON released_addresses (subnet_id, sequence);

CREATE TABLE ports (
  id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), project_id TEXT NOT NULL,
  name TEXT NOT NULL, description TEXT NOT NULL, mac TEXT NOT NULL, admin_state_up INTEGER NOT NULL,
  status TEXT NOT NULL, device_id TEXT NOT NULL, device_owner TEXT NOT NULL, host TEXT NOT NULL,
  hostname TEXT NOT NULL, vnic_type TEXT NOT NULL, binding_profile TEXT NOT NULL,
  port_security_enabled INTEGER NOT NULL, allowed_address_pairs TEXT NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL,
  UNIQUE (network_id, mac));
CREATE INDEX ports_by_project ON ports (project_id);
CREATE INDEX ports_by_device ON ports (device_id);
CREATE INDEX ports_by_name ON ports (name);
CREATE INDEX ports_by_host ON ports (host);

CREATE TABLE port_addresses (
  subnet_id TEXT NOT NULL REFERENCES subnets (id), ip_key TEXT NOT NULL, ip TEXT NOT NULL,
  port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE, position INTEGER NOT NULL,
  PRIMARY KEY (subnet_id, ip_key));
CREATE INDEX addresses_by_port ON port_addresses (port_id, position);
CREATE INDEX addresses_by_ip ON port_addresses (ip);

CREATE TABLE security_groups (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  is_default INTEGER NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX security_groups_by_project ON security_groups (project_id, name);
CREATE UNIQUE INDEX one_default_group ON security_groups (project_id) WHERE is_default = 1;

CREATE TABLE security_group_rules (
  id TEXT PRIMARY KEY, group_id TEXT NOT NULL REFERENCES security_groups (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL, description TEXT NOT NULL,
  direction TEXT NOT NULL CHECK (direction IN ('ingress', 'egress')),
  ethertype TEXT NOT NULL CHECK (ethertype IN ('IPv4', 'IPv6')), protocol TEXT, port_min INTEGER, port_max INTEGER,
  remote_cidr TEXT, remote_group_id TEXT REFERENCES security_groups (id),
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX rules_by_group ON security_group_rules (group_id);
CREATE INDEX rules_by_project ON security_group_rules (project_id);
CREATE INDEX rules_by_remote_group ON security_group_rules (remote_group_id);
CREATE UNIQUE INDEX rules_are_unique ON security_group_rules (
  group_id, direction, ethertype, coalesce(protocol, ''), coalesce(port_min, -1), coalesce(port_max, -1),
  coalesce(remote_cidr, ''), coalesce(remote_group_id, ''));

CREATE TABLE port_security_groups (
  port_id TEXT NOT NULL REFERENCES ports (id) ON DELETE CASCADE,
  group_id TEXT NOT NULL REFERENCES security_groups (id), PRIMARY KEY (port_id, group_id));
CREATE INDEX ports_by_group ON port_security_groups (group_id);

CREATE TABLE routers (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  admin_state_up INTEGER NOT NULL, routes TEXT NOT NULL, availability_zone_hints TEXT NOT NULL,
  gateway_port_id TEXT REFERENCES ports (id), gateway_network_id TEXT REFERENCES networks (id),
  enable_snat INTEGER NOT NULL, gateway_host TEXT,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX routers_by_project ON routers (project_id);
CREATE INDEX routers_by_name ON routers (name);
CREATE INDEX routers_by_gateway_network ON routers (gateway_network_id);
CREATE INDEX routers_by_gateway_port ON routers (gateway_port_id);

CREATE TABLE floating_ips (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, description TEXT NOT NULL,
  network_id TEXT NOT NULL REFERENCES networks (id), external_port_id TEXT NOT NULL REFERENCES ports (id),
  ip TEXT NOT NULL, port_id TEXT REFERENCES ports (id), fixed_ip TEXT, router_id TEXT REFERENCES routers (id),
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL,
  UNIQUE (network_id, ip));
CREATE INDEX floating_ips_by_project ON floating_ips (project_id);
CREATE UNIQUE INDEX floating_ips_by_fixed_ip ON floating_ips (port_id, fixed_ip, network_id) WHERE port_id IS NOT NULL;
CREATE INDEX floating_ips_by_router ON floating_ips (router_id);
CREATE INDEX floating_ips_by_ip ON floating_ips (ip);
CREATE INDEX floating_ips_by_external_port ON floating_ips (external_port_id);

CREATE TABLE network_quotas (
  project_id TEXT NOT NULL, resource TEXT NOT NULL, quota INTEGER NOT NULL, PRIMARY KEY (project_id, resource));
CREATE TABLE network_tags (
  resource_id TEXT NOT NULL, tag TEXT NOT NULL, PRIMARY KEY (resource_id, tag)) WITHOUT ROWID;
)sql";

constexpr const char* kVersion2 = R"sql(
CREATE TABLE port_forwardings (
  id TEXT PRIMARY KEY, floating_ip_id TEXT NOT NULL REFERENCES floating_ips (id) ON DELETE CASCADE,
  project_id TEXT NOT NULL, description TEXT NOT NULL, protocol TEXT NOT NULL, external_port INTEGER NOT NULL,
  internal_port INTEGER NOT NULL, internal_port_id TEXT NOT NULL REFERENCES ports (id), internal_ip TEXT NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL,
  UNIQUE (floating_ip_id, protocol, external_port), UNIQUE (internal_port_id, internal_ip, protocol, internal_port));
)sql";

// A binding goes with its resource; a policy stays while it has any.
constexpr const char* kVersion3 = R"sql(
CREATE TABLE qos_policies (
  id TEXT PRIMARY KEY, project_id TEXT NOT NULL, name TEXT NOT NULL, description TEXT NOT NULL,
  shared INTEGER NOT NULL, is_default INTEGER NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE INDEX qos_policies_by_project ON qos_policies (project_id);
CREATE TABLE qos_rules (
  id TEXT PRIMARY KEY, policy_id TEXT NOT NULL REFERENCES qos_policies (id) ON DELETE CASCADE,
  type TEXT NOT NULL, direction TEXT NOT NULL, max_kbps INTEGER NOT NULL, max_burst_kbps INTEGER NOT NULL,
  dscp_mark INTEGER NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL,
  UNIQUE (policy_id, type, direction));
CREATE TABLE qos_bindings (
  resource_id TEXT PRIMARY KEY, kind TEXT NOT NULL, policy_id TEXT NOT NULL REFERENCES qos_policies (id));
CREATE INDEX qos_bindings_by_policy ON qos_bindings (policy_id);
CREATE TRIGGER qos_of_port AFTER DELETE ON ports
BEGIN DELETE FROM qos_bindings WHERE resource_id = OLD.id; END;
CREATE TRIGGER qos_of_network AFTER DELETE ON networks
BEGIN DELETE FROM qos_bindings WHERE resource_id = OLD.id; END;
CREATE TRIGGER qos_of_floating_ip AFTER DELETE ON floating_ips
BEGIN DELETE FROM qos_bindings WHERE resource_id = OLD.id; END;
)sql";

constexpr const char* kPortDhcpOptions = R"sql(
ALTER TABLE ports ADD COLUMN extra_dhcp_opts TEXT NOT NULL DEFAULT '[]';
)sql";

// A network has any number of segments. An id in the form of a random UUID for each that was there.
constexpr const char* kSegments = R"sql(
CREATE TABLE segments (
  id TEXT PRIMARY KEY, network_id TEXT NOT NULL REFERENCES networks (id), name TEXT NOT NULL,
  description TEXT NOT NULL, network_type TEXT NOT NULL, physical_network TEXT NOT NULL,
  segmentation_id INTEGER NOT NULL,
  created_us INTEGER NOT NULL, updated_us INTEGER NOT NULL, revision INTEGER NOT NULL);
CREATE UNIQUE INDEX segments_are_unique ON segments (network_type, physical_network, segmentation_id);
CREATE INDEX segments_by_network ON segments (network_id);
INSERT INTO segments SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' ||
    substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6))),
  id, '', '', network_type, physical_network, segmentation_id, created_us, updated_us, 1 FROM networks;
DROP INDEX networks_by_segment;
ALTER TABLE networks DROP COLUMN network_type;
ALTER TABLE networks DROP COLUMN physical_network;
ALTER TABLE networks DROP COLUMN segmentation_id;
ALTER TABLE networks ADD COLUMN dns_domain TEXT NOT NULL DEFAULT '';
)sql";

}  // namespace

store::Module schema() {
  return {"network", {{1, kVersion1}, {2, kVersion2}, {3, kVersion3}, {4, kPortDhcpOptions}, {5, kSegments}}};
}

}  // namespace hanok::network
