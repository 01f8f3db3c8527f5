#pragma once
// The calls on servers. Each file named beside them holds a handful.

#include "control/compute/context.h"

namespace hanok::compute {

[[nodiscard]] Answer create_server(Context& context, http::Request& request);  // server_create.cc

[[nodiscard]] Answer list_servers(Context& context, http::Request& request);  // server_list.cc
[[nodiscard]] Answer list_servers_detail(Context& context, http::Request& request);

[[nodiscard]] Answer show_server(Context& context, http::Request& request);  // server_change.cc
[[nodiscard]] Answer update_server(Context& context, http::Request& request);
[[nodiscard]] Answer delete_server(Context& context, http::Request& request);

// POST /servers/{id}/action: the body's one member names the action. server_action.cc
[[nodiscard]] Answer server_action(Context& context, http::Request& request);

[[nodiscard]] Answer list_metadata(Context& context, http::Request& request);  // server_metadata.cc
[[nodiscard]] Answer replace_metadata(Context& context, http::Request& request);
[[nodiscard]] Answer update_metadata(Context& context, http::Request& request);
[[nodiscard]] Answer show_metadata_item(Context& context, http::Request& request);
[[nodiscard]] Answer update_metadata_item(Context& context, http::Request& request);
[[nodiscard]] Answer delete_metadata_item(Context& context, http::Request& request);

[[nodiscard]] Answer list_tags(Context& context, http::Request& request);  // server_tags.cc
[[nodiscard]] Answer replace_tags(Context& context, http::Request& request);
[[nodiscard]] Answer delete_tags(Context& context, http::Request& request);
[[nodiscard]] Answer check_one_tag(Context& context, http::Request& request);
[[nodiscard]] Answer add_tag(Context& context, http::Request& request);
[[nodiscard]] Answer delete_tag(Context& context, http::Request& request);

[[nodiscard]] Answer list_addresses(Context& context, http::Request& request);  // server_addresses.cc
[[nodiscard]] Answer list_network_addresses(Context& context, http::Request& request);
[[nodiscard]] Answer server_security_groups(Context& context, http::Request& request);

[[nodiscard]] Answer list_interfaces(Context& context, http::Request& request);  // server_interfaces.cc
[[nodiscard]] Answer show_interface(Context& context, http::Request& request);
[[nodiscard]] Answer attach_interface(Context& context, http::Request& request);
[[nodiscard]] Answer detach_interface(Context& context, http::Request& request);

[[nodiscard]] Answer list_attachments(Context& context, http::Request& request);  // server_volumes.cc
[[nodiscard]] Answer show_attachment(Context& context, http::Request& request);
[[nodiscard]] Answer attach_volume(Context& context, http::Request& request);
[[nodiscard]] Answer update_attachment(Context& context, http::Request& request);
[[nodiscard]] Answer detach_volume(Context& context, http::Request& request);

}  // namespace hanok::compute
