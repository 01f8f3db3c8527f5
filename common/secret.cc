#include "common/secret.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace hanok {
namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrlSafe = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

std::string encode(std::string_view bytes, std::string_view alphabet, bool pad) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  std::size_t i = 0;
  while (i < bytes.size()) {
    const std::size_t take = std::min<std::size_t>(3, bytes.size() - i);
    unsigned group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      group = (group << 8U) | (k < take ? static_cast<unsigned char>(bytes[i + k]) : 0U);
    }
    for (std::size_t k = 0; k < 4; ++k) {
      if (k <= take) {
        out += alphabet[(group >> (18U - 6U * k)) & 0x3fU];
      } else if (pad) {
        out += '=';
      }
    }
    i += take;
  }
  return out;
}

Result<std::string> decode(std::string_view text, std::string_view alphabet) {
  while (!text.empty() && text.back() == '=') text.remove_suffix(1);
  if (text.size() % 4 == 1) return bad_request("not base64: wrong length");
  std::array<int, 256> value{};
  value.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i)
    value[static_cast<unsigned char>(alphabet[i])] = static_cast<int>(i);
  std::string out;
  unsigned group = 0;
  unsigned bits = 0;
  for (char c : text) {
    const int digit = value[static_cast<unsigned char>(c)];
    if (digit < 0) return bad_request("not base64: a character outside the alphabet");
    group = (group << 6U) | static_cast<unsigned>(digit);
    bits += 6;
    if (bits >= 8) {
      bits -= 8;
      out += static_cast<char>((group >> bits) & 0xffU);
    }
  }
  return out;
}

Error from_errno(const std::string& path, const char* what) {
  return internal_error(path + ": " + what + ": " + std::strerror(errno));
}

}  // namespace

void random_bytes(unsigned char* out, std::size_t length) {
  HANOK_ASSERT(RAND_bytes(out, static_cast<int>(length)) == 1);
}

std::string random_token(std::size_t bytes) {
  std::vector<unsigned char> raw(bytes);
  random_bytes(raw.data(), raw.size());
  return base64url_encode({reinterpret_cast<const char*>(raw.data()), raw.size()}, false);
}

bool equal_constant_time(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

Status write_file(const std::string& path, std::string_view content, unsigned mode) {
  const std::string temporary = path + ".tmp" + std::to_string(getpid());
  const int fd = open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
  if (fd < 0) return from_errno(temporary, "cannot create");
  bool good = fchmod(fd, mode) == 0;
  while (good && !content.empty()) {
    const ssize_t written = write(fd, content.data(), content.size());
    good = written > 0 || (written < 0 && errno == EINTR);
    if (written > 0) content.remove_prefix(static_cast<std::size_t>(written));
  }
  good = good && fsync(fd) == 0;
  good = close(fd) == 0 && good;
  if (good && rename(temporary.c_str(), path.c_str()) == 0) return {};
  const Error error = from_errno(path, "cannot write");
  unlink(temporary.c_str());
  return error;
}

Status write_secret_file(const std::string& path, std::string_view content) {
  return write_file(path, content, 0600);
}

Result<std::string> read_file(const std::string& path, std::size_t limit_bytes) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    if (errno == ENOENT) return not_found(path + ": no such file");
    return from_errno(path, "cannot open");
  }
  std::string out;
  std::array<char, 65536> buffer{};
  while (true) {
    const ssize_t got = read(fd, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0 || out.size() + static_cast<std::size_t>(got) > limit_bytes) {
      const bool good = got == 0;
      const Error error = got < 0 ? from_errno(path, "cannot read")
                                  : Error{ErrorCode::kTooLarge, path + ": file is too large"};
      close(fd);
      if (good) return out;
      return error;
    }
    out.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

std::string base64url_encode(std::string_view bytes, bool pad) {
  return encode(bytes, kUrlSafe, pad);
}
Result<std::string> base64url_decode(std::string_view text) {
  return decode(text, kUrlSafe);
}
std::string base64_encode(std::string_view bytes) {
  return encode(bytes, kStandard, true);
}
Result<std::string> base64_decode(std::string_view text) {
  return decode(text, kStandard);
}

std::string hex(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 0x0fU];
  }
  return out;
}

}  // namespace hanok
