// JSON Schemas of the image API's documents; clients read them to know the base properties.
#include "control/image/context.h"

namespace hanok::image {
namespace {

constexpr const char* kImageProperties = R"json({
  "id": {"type": "string", "description": "Image's identifier", "pattern": "^([0-9a-fA-F]){8}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){4}-([0-9a-fA-F]){12}$"},
  "name": {"type": ["null", "string"], "description": "Its name", "maxLength": 255},
  "status": {"type": "string", "readOnly": true, "enum": ["queued", "saving", "active", "killed", "deleted", "deactivated"]},
  "visibility": {"type": "string", "description": "Who may use it", "enum": ["community", "public", "private", "shared"]},
  "protected": {"type": "boolean", "description": "Whether it may be deleted"},
  "os_hidden": {"type": "boolean", "description": "Left out of lists"},
  "checksum": {"type": ["null", "string"], "readOnly": true, "maxLength": 32},
  "os_hash_algo": {"type": ["null", "string"], "readOnly": true, "maxLength": 64},
  "os_hash_value": {"type": ["null", "string"], "readOnly": true, "maxLength": 128},
  "owner": {"type": ["null", "string"], "description": "Project that owns it", "maxLength": 255},
  "size": {"type": ["null", "integer"], "readOnly": true},
  "virtual_size": {"type": ["null", "integer"], "readOnly": true},
  "container_format": {"type": ["null", "string"], "enum": [null, "ami", "ari", "aki", "bare", "ovf", "ova", "docker", "compressed"]},
  "disk_format": {"type": ["null", "string"], "enum": [null, "ami", "ari", "aki", "vhd", "vhdx", "vmdk", "raw", "qcow2", "vdi", "iso", "ploop"]},
  "created_at": {"type": "string", "readOnly": true},
  "updated_at": {"type": "string", "readOnly": true},
  "tags": {"type": "array", "items": {"type": "string", "maxLength": 255}},
  "self": {"type": "string", "readOnly": true},
  "file": {"type": "string", "readOnly": true},
  "schema": {"type": "string", "readOnly": true},
  "min_ram": {"type": "integer", "description": "MiB needed to boot it"},
  "min_disk": {"type": "integer", "description": "GiB needed to boot it"}
})json";

constexpr const char* kMemberProperties = R"json({
  "member_id": {"type": "string", "description": "Project that the image is shared with"},
  "image_id": {"type": "string"},
  "status": {"type": "string", "enum": ["pending", "accepted", "rejected"]},
  "created_at": {"type": "string"},
  "updated_at": {"type": "string"},
  "schema": {"type": "string", "readOnly": true}
})json";

Json image_schema() {
  return {{"name", "image"},
          {"properties", Json::parse(kImageProperties)},
          {"additionalProperties", {{"type", "string"}}},
          {"links", Json::array({{{"rel", "self"}, {"href", "{self}"}},
                                 {{"rel", "enclosure"}, {"href", "{file}"}},
                                 {{"rel", "describedby"}, {"href", "{schema}"}}})}};
}

Json member_schema() {
  return {{"name", "member"}, {"properties", Json::parse(kMemberProperties)}};
}

Json list_schema(const std::string& name, const Json& item) {
  const Json text = {{"type", "string"}};
  return {{"name", name},
          {"properties",
           {{name, {{"type", "array"}, {"items", item}}}, {"first", text}, {"next", text}, {"schema", text}}},
          {"links", Json::array({{{"rel", "first"}, {"href", "{first}"}},
                                 {{"rel", "next"}, {"href", "{next}"}},
                                 {{"rel", "describedby"}, {"href", "{schema}"}}})}};
}

}  // namespace

Answer show_schema(const Context&, http::Request& request) {
  const std::string& name = request.param("name");
  if (name == "image") return http::ok(image_schema());
  if (name == "images") return http::ok(list_schema("images", image_schema()));
  if (name == "member") return http::ok(member_schema());
  if (name == "members") return http::ok(list_schema("members", member_schema()));
  return not_found("The resource could not be found.");
}

}  // namespace hanok::image
