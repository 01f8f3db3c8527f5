#pragma once
// Passphrases of encrypted volumes. Each is random and kept sealed (AES-256-GCM under a master key that is in
// a file of its own); it is opened only in what agents are shown.

#include <string>

#include "common/json.h"
#include "common/result.h"

namespace hanok::volume {

class Keys {
 public:
  explicit Keys(const std::string& master);  // any text that nobody can guess

  [[nodiscard]] std::string fresh() const;  // a new passphrase, sealed
  // kInternal: sealed under another master key, or changed since.
  [[nodiscard]] Result<std::string> open(const std::string& sealed) const;
  // In each object "encryption" of the document, "sealed" becomes "passphrase". What does not open is logged
  // and has none: whoever needs it fails, and nobody else.
  void open_all(Json& document) const;

 private:
  [[nodiscard]] std::string seal(const std::string& text) const;

  std::string key_;
};

}  // namespace hanok::volume
