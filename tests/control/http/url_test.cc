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

TEST(Url, what_is_percent_encoded_comes_back_the_same) {
  EXPECT_EQ(percent_encode("aZ09-._~"), "aZ09-._~");
  EXPECT_EQ(percent_encode("a b&c=/\xc3\xa9"), "a%20b%26c%3D%2F%C3%A9");
  const std::string text = "name=x y&+%/\xe2\x82\xac";
  const auto target = parse_target("/?q=" + percent_encode(text));
  ASSERT_TRUE(target.ok());
  EXPECT_THAT(target->query, ElementsAre(Pair("q", text)));
}

}  // namespace
}  // namespace hanok::http
