#include "common/uuid.h"

#include <gtest/gtest.h>

namespace hanok {
namespace {

TEST(Uuid, HasVersionFourAndTheRfcVariant) {
  const std::string id = new_uuid();
  EXPECT_TRUE(is_uuid(id)) << id;
  EXPECT_EQ(id[14], '4');
  EXPECT_NE(std::string("89ab").find(id[19]), std::string::npos);
  EXPECT_NE(id, new_uuid());
}

TEST(Uuid, TheHexSpellingHasNoDashes) {
  EXPECT_TRUE(is_uuid_hex(new_uuid_hex()));
  EXPECT_FALSE(is_uuid_hex(new_uuid()));
  EXPECT_FALSE(is_uuid(new_uuid_hex()));
}

TEST(Uuid, RefusesWhatIsNone) {
  for (const char* text :
       {"", "x", "00000000-0000-0000-0000-00000000000g", "00000000_0000-0000-0000-000000000000"}) {
    EXPECT_FALSE(is_uuid(text)) << text;
  }
}

}  // namespace
}  // namespace hanok
