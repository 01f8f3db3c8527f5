#pragma once
// The metadata service's HTTP (RFC 9112): one request, answered from a port's files. A path that is no file
// but leads to some lists what is below it; a dated version ("2018-08-27") is what "latest" is, as in EC2 and
// OpenStack.

#include <map>
#include <string>
#include <string_view>

namespace hanok::dataplane {

inline constexpr std::size_t kLongestMetadataRequest = 8192;

// Has the header of the request come to its end? (What follows is not read.)
[[nodiscard]] bool request_is_whole(std::string_view request);

// The whole answer: status line, header and content. Never fails: what is wrong is told the client.
[[nodiscard]] std::string metadata_answer(const std::map<std::string, std::string>& files,
                                          std::string_view request);
// The answer to a request that grew too long.
[[nodiscard]] std::string metadata_request_too_long();

}  // namespace hanok::dataplane
