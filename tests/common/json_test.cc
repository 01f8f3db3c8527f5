#include "common/json.h"

#include <gtest/gtest.h>

namespace hanok {
namespace {

TEST(ParseJson, TakesAnObject) {
  EXPECT_EQ(parse_json(R"({"a": [1, "x"]})").value()["a"][1], "x");
}

TEST(ParseJson, RefusesWhatIsNotJson) {
  for (const char* text : {"", "{", "{\"a\": }", "nonsense", "{\"a\": \"\xff\"}"}) {
    const auto parsed = parse_json(text);
    ASSERT_FALSE(parsed.ok()) << text;
    EXPECT_EQ(parsed.error().code, ErrorCode::kBadRequest);
  }
}

TEST(ParseJson, BoundsTheDepth) {
  const auto nested = [](std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(64)).ok());
  EXPECT_FALSE(parse_json(nested(66)).ok());
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).ok());
}

TEST(Fields, AbsentAndNullReadAsNothing) {
  const Json object = {{"null", nullptr}};
  EXPECT_FALSE(get_string(object, "null").value().has_value());
  EXPECT_FALSE(get_int(object, "absent").value().has_value());
  EXPECT_EQ(get_object(object, "absent").value(), nullptr);
  EXPECT_FALSE(need_string(object, "null").ok());
}

TEST(Fields, WrongTypesNameTheField) {
  const Json object = {{"name", 5}, {"size", "many"}, {"flag", "perhaps"}, {"list", "x"}};
  for (const auto& message :
       {get_string(object, "name").error().message, get_int(object, "size").error().message,
        get_bool(object, "flag").error().message, get_array(object, "list").error().message}) {
    EXPECT_NE(message.find("Invalid input for field"), std::string::npos) << message;
  }
}

TEST(Fields, StringsAreBounded) {
  const Json object = {{"name", std::string(256, 'n')}, {"nul", std::string("a\0b", 3)}};
  EXPECT_FALSE(get_string(object, "name", 255).ok());
  EXPECT_TRUE(get_string(object, "name", 256).ok());
  EXPECT_FALSE(get_string(object, "nul").ok());
}

TEST(Fields, NumbersAndBooleansInTheSpellingsOfClients) {
  const Json object = {{"text", "42"},  {"number", -1}, {"huge", 18446744073709551615ULL},
                       {"yes", "True"}, {"no", 0},      {"real", 1.5}};
  EXPECT_EQ(get_int(object, "text").value(), 42);
  EXPECT_EQ(get_int(object, "number").value(), -1);
  EXPECT_FALSE(get_int(object, "huge").ok());
  EXPECT_FALSE(get_int(object, "real").ok());
  EXPECT_EQ(get_bool(object, "yes").value(), true);
  EXPECT_EQ(get_bool(object, "no").value(), false);
}

TEST(DumpJson, NeverThrowsOnBrokenText) {
  EXPECT_FALSE(dump_json(Json("\xff")).empty());
}

}  // namespace
}  // namespace hanok
