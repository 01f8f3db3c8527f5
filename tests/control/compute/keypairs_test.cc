#include "control/compute/ssh_key.h"
#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

using Keypairs = ComputeTest;

// Made with ssh-keygen; the fingerprint is what `ssh-keygen -l -E md5` says of it.
constexpr const char* kKey =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f test";

TEST_F(Keypairs, FingerprintIsTheMd5OfTheBlob) {
  const auto fingerprint = ssh_fingerprint(kKey);
  ASSERT_TRUE(fingerprint.ok());
  EXPECT_EQ(fingerprint->size(), 47U);
  EXPECT_EQ(*fingerprint, *ssh_fingerprint(std::string(kKey).substr(0, std::string(kKey).rfind(' '))));
  for (const char* wrong :
       {"", "ssh-rsa", "ssh-rsa ????", "ssh-rsa AAAA", "what AAAAC3NzaC1lZDI1NTE5AAAAIAAB",
        "ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"}) {
    EXPECT_FALSE(ssh_fingerprint(wrong).ok()) << wrong;
  }
}

TEST_F(Keypairs, AGeneratedPairHasBothHalves) {
  const Json made = post("/v2.1/os-keypairs", {{"keypair", {{"name", "mine"}}}})["keypair"];
  EXPECT_THAT(made["private_key"].get<std::string>(),
              ::testing::StartsWith("-----BEGIN RSA PRIVATE KEY-----"));
  EXPECT_EQ(*ssh_fingerprint(made["public_key"]), made["fingerprint"]);
  const Json shown = get("/v2.1/os-keypairs/mine")["keypair"];
  EXPECT_FALSE(shown.contains("private_key"));
  EXPECT_EQ(shown["public_key"], made["public_key"]);
  EXPECT_EQ(count("keypairs WHERE public_key LIKE '%PRIVATE%'"), 0);
}

TEST_F(Keypairs, ImportListShowDeleteByVersion) {
  const Json body = {{"keypair", {{"name", "k"}, {"public_key", kKey}}}};
  post("/v2.1/os-keypairs", body, 200);
  EXPECT_CODE(refuse_post("/v2.1/os-keypairs", body), kConflict);
  EXPECT_FALSE(get("/v2.1/os-keypairs")["keypairs"][0]["keypair"].contains("type"));
  be("bob");
  EXPECT_EQ(get("/v2.1/os-keypairs")["keypairs"].size(), 0U);
  EXPECT_CODE(refuse_get("/v2.1/os-keypairs/k"), kNotFound);
  EXPECT_CODE(refuse(http::Method::kDelete, "/v2.1/os-keypairs/k"), kNotFound);
  minor = 10;
  EXPECT_CODE(refuse_get("/v2.1/os-keypairs?user_id=alice-user"), kForbidden);
  be("alice");
  EXPECT_EQ(get("/v2.1/os-keypairs/k")["keypair"]["type"], "ssh");
  remove("/v2.1/os-keypairs/k", 204);
  post("/v2.1/os-keypairs", body, 201);
  minor = 1;
  remove("/v2.1/os-keypairs/k", 202);
}

TEST_F(Keypairs, CertificatesForWindowsGuests) {
  minor = 2;
  const Json made =
      post("/v2.1/os-keypairs", {{"keypair", {{"name", "win"}, {"type", "x509"}}}}, 201)["keypair"];
  EXPECT_THAT(made["public_key"].get<std::string>(), ::testing::StartsWith("-----BEGIN CERTIFICATE-----"));
  EXPECT_THAT(made["private_key"].get<std::string>(), ::testing::HasSubstr("PRIVATE KEY-----"));
  EXPECT_EQ(made["fingerprint"].get<std::string>().size(), 59U);
  EXPECT_EQ(get("/v2.1/os-keypairs/win")["keypair"]["type"], "x509");
  const Json again = {{"name", "copy"}, {"type", "x509"}, {"public_key", made["public_key"]}};
  EXPECT_EQ(post("/v2.1/os-keypairs", {{"keypair", again}}, 201)["keypair"]["fingerprint"],
            made["fingerprint"]);
  EXPECT_CODE(refuse_post("/v2.1/os-keypairs",
                          {{"keypair", {{"name", "bad"}, {"type", "x509"}, {"public_key", "nonsense"}}}}),
              kBadRequest);
}

TEST_F(Keypairs, WrongOnesAreRefused) {
  for (const Json& keypair : std::vector<Json>{{{"name", ""}},
                                               {{"name", std::string(256, 'k')}},
                                               {{"name", "a/b"}},
                                               {{"name", 5}},
                                               {{"name", "k"}, {"public_key", "nonsense"}},
                                               {{"name", "k"}, {"public_key", ""}},
                                               {{"name", "k"}, {"type", "pgp"}},
                                               {{"public_key", kKey}}}) {
    EXPECT_CODE(refuse_post("/v2.1/os-keypairs", {{"keypair", keypair}}), kBadRequest);
  }
  EXPECT_EQ(count("keypairs"), 0);
}

TEST_F(Keypairs, TheQuotaIsKept) {
  be("admin", true);
  put("/v2.1/os-quota-sets/alice", {{"quota_set", {{"key_pairs", 1}}}});
  be("alice");
  post("/v2.1/os-keypairs", {{"keypair", {{"name", "one"}, {"public_key", kKey}}}});
  EXPECT_CODE(refuse_post("/v2.1/os-keypairs", {{"keypair", {{"name", "two"}, {"public_key", kKey}}}}),
              kOverQuota);
}

}  // namespace
}  // namespace hanok::compute
