#pragma once
// Randomness, constant-time comparison, and files that hold secrets.

#include <cstddef>
#include <string>
#include <string_view>

#include "common/result.h"

namespace hanok {

// Cryptographically strong; aborts if the system has no randomness.
void random_bytes(unsigned char* out, std::size_t length);
// URL-safe text with `bytes` bytes of entropy.
[[nodiscard]] std::string random_token(std::size_t bytes = 24);
// Takes the same time wherever the strings differ (the lengths may show).
[[nodiscard]] bool equal_constant_time(std::string_view a, std::string_view b);

// Written whole or not at all (temporary file, fsync, rename), mode 0600.
[[nodiscard]] Status write_secret_file(const std::string& path, std::string_view content);
[[nodiscard]] Status write_file(const std::string& path, std::string_view content, unsigned mode);
// At most `limit_bytes`; kNotFound when it does not exist.
[[nodiscard]] Result<std::string> read_file(const std::string& path, std::size_t limit_bytes = 16U << 20U);

[[nodiscard]] std::string base64url_encode(std::string_view bytes, bool pad);
[[nodiscard]] Result<std::string> base64url_decode(std::string_view text);  // padded or not
[[nodiscard]] std::string base64_encode(std::string_view bytes);
[[nodiscard]] Result<std::string> base64_decode(std::string_view text);
[[nodiscard]] std::string hex(std::string_view bytes);

}  // namespace hanok
