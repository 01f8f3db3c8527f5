#include "storage/rbd/object_class.h"

#include <cerrno>

namespace hanok::storage {
namespace {

// A string as RADOS object classes take it.
void put_text(const std::string& text, ceph::bufferlist& out) {
  const auto length = static_cast<std::uint32_t>(text.size());
  for (int byte = 0; byte < 4; ++byte) out.append(static_cast<char>(length >> (8 * byte)));
  out.append(text);
}

}  // namespace

int call_class(librados::IoCtx& io, const std::string& object, const char* method,
               std::initializer_list<std::string> arguments) {
  ceph::bufferlist input;
  for (const std::string& argument : arguments) put_text(argument, input);
  librados::ObjectWriteOperation operation;
  operation.create(false);
  operation.exec("rbd", method, input);
  return io.operate(object, &operation);
}

int give_name_back(librados::IoCtx& io, const std::string& name, const std::string& id) {
  int code = call_class(io, "rbd_id." + name, "set_id", {id});
  if (code < 0 && code != -EEXIST) return code;
  code = call_class(io, "rbd_directory", "dir_add_image", {name, id});
  if (code < 0 && code != -EEXIST) return code;
  code = call_class(io, "rbd_trash", "trash_remove", {id});
  return code == -ENOENT ? 0 : code;
}

}  // namespace hanok::storage
