#pragma once
// Owners of OpenSSL's objects, for the two files that make keys and certificates.

#include <openssl/bio.h>
#include <openssl/evp.h>

#include <memory>

namespace hanok::compute {

constexpr unsigned kRsaBits = 2048;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};
struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Bio = std::unique_ptr<BIO, FreeBio>;
using Key = std::unique_ptr<EVP_PKEY, FreeKey>;

}  // namespace hanok::compute
