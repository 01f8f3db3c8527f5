#include "control/compute/scheduler.h"

#include "tests/control/compute/fixture.h"

namespace hanok::compute {
namespace {

class Scheduler : public ComputeTest {
 protected:
  Placement pick(Flavor flavor) {
    const auto out = database->read([&](store::Tx& tx) {
      return place(
          tx,
          {.flavor = std::move(flavor), .root_on_image = true, .only_host = "", .avoid = {}, .why_avoid = ""},
          clock.now_us());
    });
    EXPECT_TRUE(out.ok());
    return out.ok() ? *out : Placement{};
  }
  static Flavor sized(std::int64_t vcpus, std::int64_t ram_mib, std::int64_t disk_gib) {
    Flavor out;
    out.vcpus = vcpus;
    out.ram_mib = ram_mib;
    out.disk_gib = disk_gib;
    return out;
  }
};

TEST_F(Scheduler, TakesTheLeastLoadedThenTheFirstByName) {
  host("b");
  host("a");
  EXPECT_EQ(pick(sized(1, 64, 1)).host, "a");
  boot();  // goes to a
  EXPECT_EQ(pick(sized(1, 64, 1)).host, "b");
}

TEST_F(Scheduler, SaysOfEachHostWhatItLacks) {
  host("small", 1, 64, 1);
  const auto out = pick(sized(17, 97, 9));
  EXPECT_EQ(out.host, "");
  EXPECT_EQ(out.reason,
            "small: VCPUs: 17 asked, 16 of 16 free, RAM MiB: 97 asked, 96 of 96 free, "
            "disk GiB: 9 asked, 8 of 8 free");
  EXPECT_EQ(pick(sized(16, 96, 8)).host, "small");
}

TEST_F(Scheduler, SilentHostsAreLeftOut) {
  EXPECT_EQ(pick(sized(1, 64, 1)).reason, "no host with the compute role is known");
  host("a");
  clock.advance_us(60'000'000);
  EXPECT_EQ(pick(sized(1, 64, 1)).reason, "a: not heard of for 60 s");
}

}  // namespace
}  // namespace hanok::compute
