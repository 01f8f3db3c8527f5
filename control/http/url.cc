#include "control/http/url.h"

namespace hanok::http {
namespace {

constexpr std::size_t kMaxSegments = 64;
constexpr std::size_t kMaxParameters = 256;

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Length of the UTF-8 sequence at `text[at]`, 0 when it is not one (RFC 3629, without the overlong forms'
// last details: JSON output replaces what is left).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto first = static_cast<unsigned char>(text[at]);
  std::size_t length = 1;
  if (first >= 0x80)
    length = first >= 0xc2 && first < 0xe0   ? 2
             : first < 0xf0 && first >= 0xe0 ? 3
             : first < 0xf5 && first >= 0xf0 ? 4
                                             : 0;
  if (length == 0 || at + length > text.size()) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[at + i]) & 0xc0U) != 0x80U) return 0;
  }
  return length;
}

bool is_text(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || text[at] == '\0') return false;
    at += length;
  }
  return true;
}

Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
      if (high < 0 || low < 0) return bad_request("The URL has a broken percent escape.");
      out += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  if (!is_text(out)) return bad_request("The URL is not UTF-8 text.");
  return out;
}

Status parse_query(std::string_view query, std::vector<std::pair<std::string, std::string>>& out) {
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view pair = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (pair.empty()) continue;
    if (out.size() >= kMaxParameters) return bad_request("The URL has too many query parameters.");
    const std::size_t equals = std::min(pair.find('='), pair.size());
    HANOK_TRY(name, decode(pair.substr(0, equals), true));
    HANOK_TRY(value, decode(pair.substr(std::min(equals + 1, pair.size())), true));
    out.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

bool is_unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += {'%', kDigits[byte >> 4U], kDigits[byte & 15U]};
    }
  }
  return out;
}

Result<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') return bad_request("The request target must be a path.");
  target = target.substr(0, target.find('#'));
  const std::size_t question = std::min(target.find('?'), target.size());
  std::string_view path = target.substr(0, question);
  Target out;
  HANOK_TRY(whole, decode(path, false));
  out.path = std::move(whole);
  while (!path.empty()) {
    path.remove_prefix(1);  // the slash
    const std::size_t end = std::min(path.find('/'), path.size());
    if (end > 0) {
      if (out.segments.size() >= kMaxSegments) return bad_request("The URL has too many path segments.");
      HANOK_TRY(segment, decode(path.substr(0, end), false));
      out.segments.push_back(std::move(segment));
    }
    path.remove_prefix(end);
  }
  HANOK_CHECK(parse_query(target.substr(std::min(question + 1, target.size())), out.query));
  return out;
}

}  // namespace hanok::http
