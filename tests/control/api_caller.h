#pragma once
// Calls a service as the HTTP edge does: routes, roles, body, handler, envelope; no sockets.

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>

#include "control/http/dispatcher.h"

namespace hanok {

class FixedAuthenticator final : public http::Authenticator {
 public:
  Result<http::Caller> authenticate(std::string_view) override { return caller; }
  http::Caller caller;
};

// A body in pieces; breaks off with an error after `good` bytes when that is set.
class TextBody final : public http::BodyReader {
 public:
  explicit TextBody(std::string text, std::optional<std::size_t> good = {})
      : text_(std::move(text)), good_(good) {}
  Result<std::size_t> read(char* out, std::size_t capacity) override {
    const std::size_t end = good_.value_or(text_.size());
    if (at_ == end && good_) return bad_request("the client went away");
    const std::size_t part = std::min({capacity, std::size_t{1000}, end - at_});
    text_.copy(out, part, at_);
    at_ += part;
    return part;
  }

 private:
  const std::string text_;
  const std::optional<std::size_t> good_;
  std::size_t at_ = 0;
};

class ApiCaller {
 public:
  explicit ApiCaller(http::Service service) : dispatcher_(std::move(service), authenticator_) {}

  void be(const std::string& project, bool admin = false) {
    authenticator_.caller = {};
    authenticator_.caller.user_id = "user-of-" + project;
    authenticator_.caller.project_id = project;
    authenticator_.caller.roles = {admin ? "admin" : "member"};
    authenticator_.caller.is_admin = admin;
  }

  http::Response call(http::Method method, const std::string& target, const Json& body = nullptr,
                      http::Headers headers = {}, http::BodyReader* stream = nullptr) {
    http::Request request;
    request.method = method;
    request.headers = std::move(headers);
    request.headers["X-Auth-Token"] = "token";
    request.base_url = "http://node";
    request.request_id = "req-test";
    request.body = stream;
    const auto plan = dispatcher_.plan(target, request);
    return dispatcher_.answer(plan, request, body.is_null() ? "" : body.dump());
  }
  // A call that must give `status`; its body.
  Json expect(int status, http::Method method, const std::string& target, const Json& body = nullptr,
              http::Headers headers = {}) {
    const http::Response response = call(method, target, body, std::move(headers));
    EXPECT_EQ(response.status, status) << target << " " << response.body.dump();
    return response.body;
  }
  Json get(const std::string& target, int status = 200) { return expect(status, http::Method::kGet, target); }
  Json post(const std::string& target, const Json& body, int status) {
    return expect(status, http::Method::kPost, target, body);
  }
  Json put(const std::string& target, const Json& body, int status = 200) {
    return expect(status, http::Method::kPut, target, body);
  }
  void remove(const std::string& target, int status) { expect(status, http::Method::kDelete, target); }

 private:
  FixedAuthenticator authenticator_;
  http::Dispatcher dispatcher_;
};

inline std::string read_all(const http::BodySource& source) {
  std::string out;
  char block[777];
  while (true) {
    auto got = source(block, sizeof block);
    EXPECT_TRUE(got.ok());
    if (!got.ok() || *got == 0) return out;
    out.append(block, *got);
  }
}

}  // namespace hanok
