#include "control/identity/token_payload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "common/json.h"
#include "control/identity/fernet.h"

namespace hanok::identity {
namespace {

using testing::ElementsAre;

// Tokens that the token formatter of Debian's Keystone 22.0.2 made with this key: user, times and audit ids
// as below.
constexpr const char* kKey = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";
constexpr const char* kUser = "0123456789abcdef0123456789abcdef";
constexpr const char* kProject = "fedcba9876543210fedcba9876543210";
constexpr const char* kCredential = "00112233445566778899aabbccddeeff";
constexpr const char* kAudit = "AAECAwQFBgcICQoLDA0ODw";
constexpr const char* kParentAudit = "EBESExQVFhcYGRobHB0eHw";
constexpr std::int64_t kExpires = 1'893'553'445'000'000;  // 2030-01-02T03:04:05Z

constexpr const char* kUnscoped =
    "gAAAAABrA81LTv1ke2z2gB45WGAqK4XTX4ICMqHxKyUsuhoIXUOH73Y0Tn0kH12Qbj-WR1uBxQBYZSWmSe-cx-hdbM"
    "tCfdF9Wu2VEXsx7XcxdEBPXu6dRa8Wet0rIFd0ZibqIGTs7cDKZ6jdaa_cAa2pG66qSliLbA";
constexpr const char* kDefaultDomain =
    "gAAAAABrA81L2Wf2UVRqzHxwuH8HiU7aEQ_NUzhkx9nVcgBaYkSWTmZKris8YQ2vCRV1hXbi9_iBvBBRARPDj4GC1Y"
    "xrPASSvlDFjHreUySE592qtDLIJ35nPeHBgbnTzy_kqsCQcXJ7DZXQJPbcPBDXFnls1nfwkQ";
constexpr const char* kDomain =
    "gAAAAABrA81Lb7vzZzO2RY45hPfNR1rf7UR7d_jsgp1dRhdMzGT5UBCvpviMECRzFf55KG3xAd8lXoJ_CMpz8290rg"
    "5L7wqrIGxIL4rvB7pW3GcUrldiWcMdc-c_YoDdEWfWHD3LuqLoLtPKbwMy3Z5vYxQRODsX4Ca_JJRGsuNgY9tYRm-7"
    "sEY";
constexpr const char* kProjectScoped =
    "gAAAAABrA81LEmZtMmiWyJ7b0YiXQvrumhvi9QDEfBg4eCj7qAI3XubHzxBUnnoTi718SQ8dAUjlfOVWhrTgnWp8jQ"
    "-1t6OplwMG9mwXjo5SA0MR4lsKNgN51i8nFglNWj9TXremHadkcat_Wy59KWQ3b8Kec61RcVxqDeCyYwjXSwPLfvoK"
    "k-da0JRXjGQyRxUAAIaChWY0";
constexpr const char* kSystem =
    "gAAAAABrA81LVj-Nyr5lmHVBLT_s_vrv16W82nPTIs8mr32ypRFu9evH06HCYXVQA4Th8erlLyTmpM65b3_A_ntnmj"
    "uaEOS6fkp4Y3-ncvp6nEOA9eZZGqS65EpRBmLT5AdpBYV9xINjCWAo6Jow64qloWbWQ_RY-w";
constexpr const char* kOfCredential =
    "gAAAAABrA81L0y8LlG_oia05-HZUtKqiU_nW201tCUD9wqUkbmvC5fvKq86celV9g0tb1Sq1rkW4E6KdAWkxMikhy_"
    "-oMvDkh3tU3d8bncSkT9t4jEtFjkU32LRSR5vSxFlBDeX02HOxyCI_A7ELYUm88ysKTgcijhv4KiexnxpEJB4DmRKh"
    "wjoZI1vcUIs0GClY9-bZ84ei";
constexpr const char* kTrust =
    "gAAAAABrA81LTeaZ3P8Ec_miHVm6yMYn934Xjc882SDVWdqsPsR6ebtJW0HGpfnCTFUQAy1UiqvDhoOjbrrkj_Nkqr"
    "E1Bl4mF5LPj0a8oiA0vQoEoabWtnhPjrGNCjO8okbs9QVIbJJjLHS_fCsDnFMp7ejetIVox84lV801XWM6P3cHFhjT"
    "WW58dRqXgebcV_YvGfzTqBTK";
constexpr const char* kOddIds =
    "gAAAAABrA81LWqbUQ9PI5dgyOOTBAGMbeQzSF_g48fyIAuxl6IE5ZN0Zmb33R0gcaPe7yVP4ZFZ5tSMkWBiXCyENR0"
    "CuUN43mN1jDHGA-CnRZ3KYPL-SndDd-763DnHIH0XuGfxw_6qLQcXzt-Iag3IJYCIDw75f0Q";

std::string plaintext(const char* token) {
  const auto message = fernet_decrypt(*decode_fernet_key(kKey), token);
  EXPECT_TRUE(message.has_value());
  return message ? message->plaintext : std::string();
}

TokenPayload read(const char* token) {
  auto payload = unpack_payload(plaintext(token));
  EXPECT_TRUE(payload.has_value());
  return payload.value_or(TokenPayload{});
}

TEST(TokenPayload, reads_what_keystone_made) {
  for (const char* token : {kUnscoped, kDefaultDomain, kDomain, kSystem}) {
    const TokenPayload payload = read(token);
    EXPECT_EQ(payload.user_id, kUser);
    EXPECT_EQ(payload.expires_us, kExpires);
    EXPECT_THAT(payload.audit_ids, ElementsAre(kAudit));
    EXPECT_THAT(payload.methods, ElementsAre("password"));
    EXPECT_TRUE(payload.project_id.empty());
  }
  EXPECT_EQ(read(kDefaultDomain).domain_id, "default");
  EXPECT_EQ(read(kDomain).domain_id, kProject);
  EXPECT_TRUE(read(kSystem).system);
  EXPECT_FALSE(read(kUnscoped).system);
  const TokenPayload scoped = read(kProjectScoped);
  EXPECT_EQ(scoped.project_id, kProject);
  EXPECT_THAT(scoped.audit_ids, ElementsAre(kAudit, kParentAudit));
  EXPECT_THAT(scoped.methods, ElementsAre("password", "token"));
  const TokenPayload credential = read(kOfCredential);
  EXPECT_EQ(credential.application_credential_id, kCredential);
  EXPECT_EQ(credential.project_id, kProject);
  EXPECT_THAT(credential.methods, ElementsAre("application_credential"));
}

TEST(TokenPayload, reads_identifiers_that_are_no_uuids) {
  const TokenPayload payload = read(kOddIds);
  EXPECT_EQ(payload.user_id, "an LDAP user");
  EXPECT_EQ(payload.project_id, "not-a-uuid");
}

TEST(TokenPayload, packs_byte_for_byte_as_keystone_does) {
  for (const char* token :
       {kUnscoped, kDefaultDomain, kDomain, kProjectScoped, kSystem, kOfCredential, kOddIds}) {
    EXPECT_EQ(pack_payload(read(token)), plaintext(token)) << token;
  }
}

TEST(TokenPayload, a_trust_is_refused) {
  EXPECT_FALSE(unpack_payload(plaintext(kTrust)).has_value());
}

TEST(TokenPayload, broken_payloads_are_refused) {
  const std::string good = plaintext(kProjectScoped);
  for (std::size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(unpack_payload(good.substr(0, length)).has_value()) << length;
  }
  for (const Json& wrong : {Json(nullptr), Json("text"), Json::array(), Json::array({0}),
                            Json::array({"0", 1, 2, 3, 4}), Json::array({0, "user", 2, 3.0, Json::array()}),
                            Json::array({0, Json::array({false, "user"}), 2, "never", Json::array()}),
                            Json::array({0, Json::array({false, "user"}), 2, 3.0, Json::array({1})}),
                            Json::array({99, Json::array({false, "user"}), 2, 3.0, Json::array()})}) {
    const auto bytes = Json::to_msgpack(wrong);
    EXPECT_FALSE(unpack_payload({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).has_value())
        << wrong.dump();
  }
}

TEST(TokenPayload, a_time_that_is_none_is_refused) {
  for (const double wrong : {-1.0, 1e300, std::numeric_limits<double>::infinity(), std::nan("")}) {
    const Json payload =
        Json::array({0, Json::array({false, "user"}), 2, wrong, Json::array({Json::binary({1})})});
    const auto bytes = Json::to_msgpack(payload);
    EXPECT_FALSE(unpack_payload({reinterpret_cast<const char*>(bytes.data()), bytes.size()}).has_value())
        << wrong;
  }
}

TEST(TokenPayload, deep_nesting_is_refused_unread) {
  EXPECT_FALSE(unpack_payload(std::string(1U << 20U, '\x91')).has_value());
}

TEST(TokenPayload, audit_ids_have_16_bytes) {
  EXPECT_EQ(new_audit_id().size(), 22U);
  EXPECT_NE(new_audit_id(), new_audit_id());
}

}  // namespace
}  // namespace hanok::identity
