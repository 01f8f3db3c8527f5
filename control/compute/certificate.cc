// X.509 key pairs, by OpenSSL.

#include <fmt/format.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

#include "common/clock.h"
#include "common/secret.h"
#include "control/compute/openssl_handles.h"
#include "control/compute/ssh_key.h"

namespace hanok::compute {
namespace {

constexpr long kValidSeconds = 10L * 365 * 24 * 3600;

struct FreeCertificate {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
struct FreeExtension {
  void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
};
using Certificate = std::unique_ptr<X509, FreeCertificate>;

std::string text_of(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  return {text, static_cast<std::size_t>(size)};
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, 8> bytes{};
  random_bytes(bytes.data(), bytes.size());
  std::uint64_t serial = 0;
  for (const unsigned char byte : bytes) serial = (serial << 8U) | byte;
  return ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate), serial >> 1U) == 1;
}

// Issuer and subject are the user.
bool set_names(X509* certificate, const std::string& user) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const std::string common = user.substr(0, 64);  // ub-common-name of RFC 5280
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, name) == 1;
}

bool set_times(X509* certificate, std::int64_t now_us) {
  const auto from = static_cast<time_t>(now_us / kSecond_us);
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), from + kValidSeconds) != nullptr;
}

bool for_clients(X509* certificate) {
  const std::unique_ptr<X509_EXTENSION, FreeExtension> usage(
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_ext_key_usage, "clientAuth"));
  return usage && X509_add_ext(certificate, usage.get(), -1) == 1;
}

}  // namespace

Result<std::string> certificate_fingerprint(const std::string& pem) {
  const Bio memory(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const Certificate certificate(memory ? PEM_read_bio_X509(memory.get(), nullptr, nullptr, nullptr)
                                       : nullptr);
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int length = 0;
  if (!certificate || X509_digest(certificate.get(), EVP_sha1(), digest.data(), &length) != 1) {
    return bad_request("Keypair data is invalid: failed to generate X509 fingerprint");
  }
  std::string out;
  for (unsigned int at = 0; at < length; ++at)
    out += fmt::format("{}{:02x}", at == 0 ? "" : ":", digest.at(at));
  return out;
}

Result<SshKeyPair> generate_certificate(const std::string& user, std::int64_t now_us) {
  const Key key(EVP_RSA_gen(kRsaBits));
  const Certificate certificate(X509_new());
  const bool made = key && certificate && X509_set_version(certificate.get(), 2) == 1 &&
                    set_serial(certificate.get()) && set_names(certificate.get(), user) &&
                    set_times(certificate.get(), now_us) &&
                    X509_set_pubkey(certificate.get(), key.get()) == 1 && for_clients(certificate.get()) &&
                    X509_sign(certificate.get(), key.get(), EVP_sha256()) > 0;
  const Bio public_text(BIO_new(BIO_s_mem()));
  const Bio private_text(BIO_new(BIO_s_mem()));
  if (!made || !public_text || !private_text ||
      PEM_write_bio_X509(public_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(private_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return internal_error("cannot generate a certificate");
  }
  return SshKeyPair{.public_key = text_of(public_text.get()), .private_key = text_of(private_text.get())};
}

}  // namespace hanok::compute
