// Goal: what comes from outside is checked before use. Method: tables of good and bad values, and
// files of a temporary directory.
#include "runner/box_record.h"
#include "runner/check.h"
#include "runner/doctor.h"
#include "runner/front_env.h"
#include "runner/options.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

proto::runner::BoxCreate Good() {
  proto::runner::BoxCreate r;
  r.id = testing::kA;
  r.image = ImageId(std::string(64, '0'));
  r.hostname = "box-1";
  return r;
}

TEST(DoctorTest, SaysWhatServeWouldRefuseAndWhatToDo) {
  const std::vector<Finding> bad = {{"kernel", Health::kGood, "6.18", ""},
                                    {"a \"tool\"", Health::kBad, "missing", "install it"}};
  EXPECT_EQ(AsJson(bad),
            "{\"ok\":false,\"findings\":[{\"what\":\"kernel\",\"health\":\"ok\",\"found\":\"6.18\","
            "\"advice\":\"\"},{\"what\":\"a \\\"tool\\\"\",\"health\":\"problem\",\"found\":"
            "\"missing\",\"advice\":\"install it\"}]}\n");
  EXPECT_NE(AsText(bad).find("-> install it"), std::string::npos);
  EXPECT_NE(AsText(bad).find("would refuse"), std::string::npos);
}

TEST(DoctorTest, FindsThisMachineFitForUse) {
  for (const Finding& finding : Examine("/var/lib/cove")) {
    EXPECT_NE(finding.health, Health::kBad) << finding.what << ": " << finding.found;
    EXPECT_EQ(finding.health == Health::kReduced, !finding.advice.empty()) << finding.what;
  }
}

TEST(CheckTest, TakesWhatIsRightAndNamesWhatIsNot) {
  EXPECT_TRUE(CheckCreate(Good()));
  for (const char* id :
       {"", "..", "x", "../../../../../../../etc/passwd/aaaaaa",
        "11111111-1111-4111-8111-11111111111G", "11111111-1111-4111-8111-1111111111111"}) {
    auto r = Good();
    r.id = SandboxId(id);
    EXPECT_FALSE(CheckCreate(r)) << id;
  }
  for (const char* name : {"", "-a", "A", "a.b", "a/b", "a b"}) {
    auto r = Good();
    r.hostname = name;
    EXPECT_FALSE(CheckCreate(r)) << name;
  }
  auto r = Good();
  r.image = ImageId("../x");
  EXPECT_FALSE(CheckCreate(r));
  r = Good();
  r.limits.memory_bytes = 0;
  EXPECT_FALSE(CheckCreate(r));
  r = Good();
  r.limits.pids = 0;
  EXPECT_FALSE(CheckCreate(r));
}

TEST(OptionsTest, ReadsBothSpellingsAndRefusesTheRest) {
  const auto options = ParseOptions({"--listen", "[::1]:80", "--data=/x/y/", "--store", "s://"});
  ASSERT_TRUE(options) << options.error().message();
  EXPECT_EQ(options->listen.ToString(), "[::1]:80");
  EXPECT_EQ(options->data, "/x/y");
  EXPECT_FALSE(ParseOptions({"--data", "relative"}));
  EXPECT_FALSE(ParseOptions({"--data"}));
  EXPECT_FALSE(ParseOptions({"--listener=1.2.3.4:5"}));
  EXPECT_FALSE(ParseOptions({"--listen", "host.example:80"}));
  EXPECT_FALSE(ParseOptions({"extra"}));
  EXPECT_EQ(ParseOptions({"--log-level=debug"})->log_level, "debug");
  EXPECT_FALSE(ParseOptions({"--log-level", "loud"}));
  EXPECT_EQ(ParseOptions({"--shells", "3"})->shells, 3u);
  EXPECT_FALSE(ParseOptions({"--shells", "65"}));
  EXPECT_FALSE(ParseOptions({"--shells", "-1"}));
}

TEST(FrontEnvTest, KeepsKeysAndDropsTheRest) {
  const auto env = FrontEnvironment({"OPENAI_API_KEY=k", "MY_API_KEY=m", "SECRET=s", "LD_PRELOAD=x",
                                     "COVE_ADMIN_KEY=a", "COVE_STORE=old"},
                                    "postgres://x");
  const std::set<std::string> set(env.begin(), env.end());
  EXPECT_TRUE(set.contains("OPENAI_API_KEY=k"));
  EXPECT_TRUE(set.contains("MY_API_KEY=m"));
  EXPECT_TRUE(set.contains("COVE_ADMIN_KEY=a"));
  EXPECT_TRUE(set.contains("COVE_STORE=postgres://x"));
  EXPECT_FALSE(set.contains("COVE_STORE=old"));
  EXPECT_FALSE(set.contains("SECRET=s"));
  EXPECT_FALSE(set.contains("LD_PRELOAD=x"));
}

TEST(BoxRecordTest, IsWholeOrAbsent) {
  NEEDS_ROOT();
  const testing::TempData data;
  const int dir = data.data().boxes();
  EXPECT_EQ(ReadSpec(dir).error().code(), Code::kNotFound);
  BoxSpecRecord spec;
  spec.id = testing::kA;
  spec.slot = 7;
  ASSERT_TRUE(WriteSpec(dir, spec));
  const auto back = ReadSpec(dir);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->slot, 7u);
  std::filesystem::resize_file(data / "runner/boxes/spec", 5);
  EXPECT_NE(ReadSpec(dir).error().code(), Code::kNotFound);
}

TEST(DataDirTest, RefusesWrongOwnersModesAndASecondServer) {
  NEEDS_ROOT();
  std::string path;
  {
    const testing::TempData data;
    path = data.data().path();
    EXPECT_EQ(DataDir::Open(path).error().code(), Code::kConflict);
    ASSERT_EQ(chmod((data / "runner").c_str(), 0755), 0);
    EXPECT_EQ(DataDir::Open(path).error().code(), Code::kDenied);
    ASSERT_EQ(chmod((data / "runner").c_str(), 0700), 0);
    std::filesystem::create_directory(data / "open");
    ASSERT_EQ(chmod((data / "open").c_str(), 0777), 0);
    EXPECT_EQ(DataDir::Open(data / "open/below").error().code(), Code::kDenied);
    EXPECT_EQ(DataDir::Open(data / "front/below").error().code(), Code::kDenied);
  }
}

}  // namespace
}  // namespace cove::runner
