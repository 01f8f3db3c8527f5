#include "control/http/url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace hanok::http {
namespace {

using testing::ElementsAre;
using testing::Pair;

TEST(Url, takes_path_and_query_apart) {
  const auto target = parse_target("/v2.0//ports/a%20b/?name=x+y&name=%C3%A9&flag&empty=");
  ASSERT_TRUE(target.ok());
  EXPECT_THAT(target->segments, ElementsAre("v2.0", "ports", "a b"));
  EXPECT_THAT(target->query, ElementsAre(Pair("name", "x y"), Pair("name", "\xc3\xa9"), Pair("flag", ""),
                                         Pair("empty", "")));
}

TEST(Url, an_escaped_slash_stays_in_its_segment) {
  const auto target = parse_target("/users/a%2Fb");
  ASSERT_TRUE(target.ok());
  EXPECT_THAT(target->segments, ElementsAre("users", "a/b"));
}

TEST(Url, refuses_what_is_no_path_or_no_text) {
  std::string deep;
  for (int i = 0; i < 65; ++i) deep += "/a";
  std::string wide = "/?";
  for (int i = 0; i < 257; ++i) wide += "a=1&";
  for (const std::string& target :
       {std::string(), std::string("*"), std::string("http://x/"), std::string("/%"), std::string("/%4"),
        std::string("/%zz"), std::string("/%00"), std::string("/%ff"), std::string("/?a=%c3"),
        std::string("/\xc3"), deep, wide}) {
    EXPECT_FALSE(parse_target(target).ok()) << target.substr(0, 20);
  }
}

}  // namespace
}  // namespace hanok::http
