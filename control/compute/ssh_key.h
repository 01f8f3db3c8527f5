#pragma once
// SSH public keys: checking, fingerprints (MD5 of the key blob, RFC 4716 section 4), and generation of RSA
// pairs.

#include <string>

#include "common/result.h"

namespace hanok::compute {

// "aa:bb:..." of a public key line "type base64 [comment]"; kBadRequest when it is not one.
[[nodiscard]] Result<std::string> ssh_fingerprint(const std::string& public_key);

struct SshKeyPair {
  std::string public_key;   // one line, OpenSSH format
  std::string private_key;  // PEM, PKCS#1
};
[[nodiscard]] Result<SshKeyPair> generate_ssh_key();

}  // namespace hanok::compute
