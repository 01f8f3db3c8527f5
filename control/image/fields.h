#pragma once
// The fields of an image that clients may name: which exist, which are read-only, what each takes.

#include <string>

#include "control/image/record.h"

namespace hanok::image {

[[nodiscard]] bool is_base_field(const std::string& name);       // settable: name, tags, visibility ...
[[nodiscard]] bool is_read_only_field(const std::string& name);  // status, checksum, size ...
// Checks and sets a base field; kBadRequest names what is wrong.
[[nodiscard]] Status set_field(Record& record, const std::string& name, const Json& value);
// A property of the client's own: text of bounded length.
[[nodiscard]] Status check_property(const std::string& name, const Json& value);
[[nodiscard]] Status check_tag(const std::string& tag);

}  // namespace hanok::image
