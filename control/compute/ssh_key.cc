#include "control/compute/ssh_key.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <array>
#include <memory>
#include <vector>

#include "common/secret.h"
#include "control/compute/openssl_handles.h"

namespace hanok::compute {
namespace {

struct FreeNumber {
  void operator()(BIGNUM* number) const { BN_free(number); }
};

const Error kInvalid = bad_request("Keypair data is invalid: failed to generate fingerprint");

// RFC 4251 section 5: string and mpint.
void append_string(std::string& out, const std::string& bytes) {
  const auto size = static_cast<std::uint32_t>(bytes.size());
  for (int shift = 24; shift >= 0; shift -= 8)
    out += static_cast<char>((size >> static_cast<unsigned>(shift)) & 0xFFU);
  out += bytes;
}

Result<std::string> number_bytes(EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, name, &raw) != 1) return internal_error("cannot read the generated key");
  const std::unique_ptr<BIGNUM, FreeNumber> number(raw);
  std::vector<unsigned char> bytes(static_cast<std::size_t>(BN_num_bytes(number.get())));
  BN_bn2bin(number.get(), bytes.data());
  std::string out(bytes.begin(), bytes.end());
  if (!bytes.empty() && (bytes.front() & 0x80U) != 0) out.insert(out.begin(), '\0');
  return out;
}

bool known_type(const std::string& type) {
  for (const char* known :
       {"ssh-rsa", "ssh-dss", "ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384",
        "ecdsa-sha2-nistp521", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-nistp256@openssh.com"}) {
    if (type == known) return true;
  }
  return false;
}

}  // namespace

Result<std::string> ssh_fingerprint(const std::string& public_key) {
  const auto first_space = public_key.find(' ');
  if (first_space == std::string::npos || public_key.find('\n') < public_key.size() - 1) return kInvalid;
  const std::string type = public_key.substr(0, first_space);
  if (!known_type(type)) return kInvalid;
  const auto end = public_key.find_first_of(" \t\r\n", first_space + 1);
  const auto blob = base64_decode(
      public_key.substr(first_space + 1, end == std::string::npos ? end : end - first_space - 1));
  if (!blob.ok()) return kInvalid;
  std::string head;
  append_string(head, type);
  if (blob->size() <= head.size() || blob->compare(0, head.size(), head) != 0) return kInvalid;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (EVP_Digest(blob->data(), blob->size(), digest.data(), &length, EVP_md5(), nullptr) != 1) {
    return internal_error("MD5 is not available");
  }
  std::string out;
  for (unsigned int at = 0; at < length; ++at)
    out += fmt::format("{}{:02x}", at == 0 ? "" : ":", digest.at(at));
  return out;
}

Result<SshKeyPair> generate_ssh_key() {
  const Key key(EVP_RSA_gen(kRsaBits));
  if (!key) return internal_error("cannot generate a key");
  HANOK_TRY(exponent, number_bytes(key.get(), OSSL_PKEY_PARAM_RSA_E));
  HANOK_TRY(modulus, number_bytes(key.get(), OSSL_PKEY_PARAM_RSA_N));
  std::string blob;
  append_string(blob, "ssh-rsa");
  append_string(blob, exponent);
  append_string(blob, modulus);
  const Bio memory(BIO_new(BIO_s_mem()));
  if (!memory || PEM_write_bio_PrivateKey_traditional(memory.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                                      nullptr) != 1) {
    return internal_error("cannot write the generated key");
  }
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return SshKeyPair{.public_key = "ssh-rsa " + base64_encode(blob) + " Generated-by-Hanok",
                    .private_key = std::string(text, static_cast<std::size_t>(size))};
}

}  // namespace hanok::compute
