#pragma once
// Calls of RBD's object class (cls_rbd), for what dead clients leave that librbd does not take up again.

#include <initializer_list>
#include <rados/librados.hpp>
#include <string>

namespace hanok::storage {

// Gives what the method does, negative errno. The object is made if it is not there.
[[nodiscard]] int call_class(librados::IoCtx& io, const std::string& object, const char* method,
                             std::initializer_list<std::string> arguments);

// Out of the trash under its name again. RBD's own restoring refuses what a migration or a removal put there;
// these are the calls that it is made of, and doing them again changes nothing.
[[nodiscard]] int give_name_back(librados::IoCtx& io, const std::string& name, const std::string& id);

}  // namespace hanok::storage
