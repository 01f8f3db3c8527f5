#pragma once
// Volumes that hanok-storage serves to guests (docs/storage-target.md), asked for over its control socket.

#include <functional>
#include <string>

#include "agents/compute/domain.h"
#include "common/json.h"
#include "common/result.h"

namespace hanok::agent {

class DiskExports {
 public:
  // A JSON-RPC call to hanok-storage; errors as of JsonRpcClient. Thread-safe.
  using Call = std::function<Result<Json>(const std::string& method, const Json& params)>;
  explicit DiskExports(Call call) : call_(std::move(call)) {}

  // Both do nothing for a disk without a socket, and nothing more when called again.
  // Returns when a guest can connect. The reason, if hanok-storage refuses: the image is absent or in use, or
  // it works with another cluster than `cluster` (BlockStore::cluster_id).
  [[nodiscard]] Status serve(const DiskSpec& disk, const std::string& cluster) const;
  // Refused while a guest is connected.
  [[nodiscard]] Status release(const DiskSpec& disk) const;
  // The same for whatever is served at `socket`.
  [[nodiscard]] Status release_socket(const std::string& socket) const;

 private:
  Call call_;
};

}  // namespace hanok::agent
