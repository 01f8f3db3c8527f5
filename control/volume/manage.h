#pragma once
// What the managing of volumes (manage.cc) and of snapshots (manage_snapshots.cc) shares: what is in a pool
// is asked of the volume agent while the client waits.

#include <cstdint>
#include <string>

#include "control/volume/context.h"

namespace hanok::volume {

struct Place {
  std::string host, pool;
};
// The host that does the work, if `wanted` is it: as a volume shows it, or as the services do; with a pool.
[[nodiscard]] Result<Place> chosen_place(const Context& context, const std::string& wanted);
// The list `key` of what the agent answers about the place's pool.
[[nodiscard]] Result<Json> ask_for_list(const Context& context, const Place& place, const char* method,
                                        const char* key, Json params);
// The same, of the page that the request asks for, at the place that it names.
struct ManageablePage {
  Place place;
  Json items;
};
[[nodiscard]] Result<ManageablePage> manageable_page(const Context& context, const http::Request& request,
                                                     const char* method, const char* key);
// kNotFound: the manageable_... resources came with 3.8.
[[nodiscard]] Status need_manageable(const http::Request& request);
[[nodiscard]] Error invalid_reference(const std::string& name, const char* reason);
// "source-name" of the body's "ref".
[[nodiscard]] Result<std::string> source_name_of(const Json& body);
[[nodiscard]] std::int64_t whole_gib(std::int64_t bytes);

}  // namespace hanok::volume
