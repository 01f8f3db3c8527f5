#include "control/identity/password.h"

#include <crypt.h>

#include "common/secret.h"

namespace hanok::identity {
namespace {

class Slot {
 public:
  explicit Slot(std::counting_semaphore<64>& slots) : slots_(slots) { slots_.acquire(); }
  ~Slot() { slots_.release(); }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

 private:
  std::counting_semaphore<64>& slots_;
};

}  // namespace

PasswordHasher::PasswordHasher(int cost, int at_once) : cost_(cost), slots_(at_once) {
  nobody_ = hash(random_token());
}

std::string PasswordHasher::run(const std::string& password, const std::string& setting) {
  const Slot slot(slots_);
  auto data = std::make_unique<crypt_data>();
  const char* out = crypt_r(password.substr(0, 72).c_str(), setting.c_str(), data.get());
  return out == nullptr || out[0] == '*' ? std::string() : std::string(out);
}

std::string PasswordHasher::hash(const std::string& password) {
  char setting[CRYPT_GENSALT_OUTPUT_SIZE];
  unsigned char random[16];
  random_bytes(random, sizeof(random));
  HANOK_ASSERT(crypt_gensalt_rn("$2b$", static_cast<unsigned long>(cost_),
                                reinterpret_cast<const char*>(random), sizeof(random), setting,
                                sizeof(setting)) != nullptr);
  std::string out = run(password, setting);
  HANOK_ASSERT(!out.empty());
  return out;
}

bool PasswordHasher::verify(const std::string& password, const std::string& stored) {
  const std::string& against = stored.empty() ? nobody_ : stored;
  const std::string got = run(password, against);
  return !stored.empty() && !got.empty() && equal_constant_time(got, stored);
}

}  // namespace hanok::identity
