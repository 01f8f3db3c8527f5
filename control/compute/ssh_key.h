#pragma once
// Key pairs of users. SSH public keys: checking, fingerprints (MD5 of the key blob, RFC 4716 section 4), and
// generation of RSA pairs.

#include <cstdint>
#include <string>

#include "common/result.h"

namespace hanok::compute {

// "aa:bb:..." of a public key line "type base64 [comment]"; kBadRequest when it is not one.
[[nodiscard]] Result<std::string> ssh_fingerprint(const std::string& public_key);

struct SshKeyPair {
  std::string public_key;   // one line, OpenSSH format
  std::string private_key;  // PEM
};
[[nodiscard]] Result<SshKeyPair> generate_ssh_key();

// X.509 certificates (RFC 5280), as Windows guests take them: SHA-1 of the DER form as fingerprint.
[[nodiscard]] Result<std::string> certificate_fingerprint(const std::string& pem);
// A self-signed client certificate for `user`, valid for ten years from now_us; public_key is its PEM.
[[nodiscard]] Result<SshKeyPair> generate_certificate(const std::string& user, std::int64_t now_us);

}  // namespace hanok::compute
