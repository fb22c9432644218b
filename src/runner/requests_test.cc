// Goal: no bytes from the front make the runner crash, or do anything that they do not ask for in
// full. Method: frames of random and of damaged bytes, seeded, to a Requests over fake parts.
#include "runner/requests.h"

#include <random>

#include "async/loop.h"
#include "runner/testing.h"

namespace cove::runner {
namespace {

using proto::runner::Type;
namespace pr = proto::runner;

class RequestsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    NEEDS_ROOT();
    data_ = std::make_unique<testing::TempData>();
    jobs_ = std::make_unique<testing::FakeJobs>(data_->data());
    image_ = data_->MakeImage('a');
    disk_ = std::make_unique<testing::FakeDisk>(*data_ / "runner/disk");
    auto uids = UidRanges::Open(*data_ / "uids", data_->data().runner_path());
    ASSERT_TRUE(uids) << uids.error().message();
    uids_.emplace(*std::move(uids));
    boxes_ = std::make_unique<Boxes>(
        Boxes::Deps{driver_, data_->data(), *jobs_, *disk_, *uids_, {}, {}, {}});
    requests_ = std::make_unique<Requests>(*boxes_, *jobs_, data_->data());
    auto pair = net::StreamPair();
    front_ = std::move(pair->first);
    link_ = std::make_shared<FrontLink>(std::move(pair->second));
    link_->Die();  // what is replied is of no interest
  }
  Result<void> Handle(uint16_t type, std::string body) {
    proto::Frame frame;
    frame.type = type;
    frame.body = std::move(body);
    return requests_->Handle(link_, std::move(frame));
  }
  static std::string Wrapped(std::string body) { return proto::Encode(pr::Request{7, body}); }
  std::string Random(size_t least, size_t most) {
    std::string out(least + random_() % (most - least + 1), '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  std::string AGoodCreate() const {
    pr::BoxCreate create;
    create.id = testing::kA;
    create.image = image_;
    create.hostname = "box";
    return proto::Encode(create);
  }
  void Finish() { loop_.RunUntil(requests_->Drain(Now() + seconds(30))); }
  void ExpectNothingDone() {
    Finish();
    EXPECT_TRUE(driver_.specs.empty());
    EXPECT_EQ(driver_.kills, 0);
    EXPECT_EQ(jobs_->emptied, 0);
    EXPECT_TRUE(boxes_->List().empty());
    EXPECT_TRUE(data_->Has("runner/images/" + image_.value));
  }

  async::Loop loop_;
  std::unique_ptr<testing::FakeDisk> disk_;
  std::optional<UidRanges> uids_;
  testing::FakeDriver driver_;
  std::unique_ptr<testing::TempData> data_;
  std::unique_ptr<testing::FakeJobs> jobs_;
  std::unique_ptr<Boxes> boxes_;
  std::unique_ptr<Requests> requests_;
  ImageId image_;
  UniqueFd front_;
  std::shared_ptr<FrontLink> link_;
  std::mt19937 random_{20261121};
};

constexpr int kRounds = 3000;
constexpr uint16_t kTypes = 40;

TEST_F(RequestsTest, RandomFramesDoNothing) {
  for (int i = 0; i < kRounds; ++i) {
    // Long enough that no request of a few bytes comes out by chance.
    EXPECT_FALSE(Handle(static_cast<uint16_t>(random_()), Random(13, 400)));
  }
  ExpectNothingDone();
}

TEST_F(RequestsTest, RandomRequestsDoNothing) {
  for (int i = 0; i < kRounds; ++i) {
    EXPECT_TRUE(Handle(static_cast<uint16_t>(i % kTypes), Wrapped(Random(1, 400))));
    if (i % 500 == 499) Finish();
  }
  ExpectNothingDone();
}

TEST_F(RequestsTest, ACutOrLongerRequestDoesNothing) {
  const std::string good = AGoodCreate();
  for (uint16_t type = 0; type < kTypes; ++type) {
    // Its body is one text, and so is the beginning of this one.
    if (static_cast<Type>(type) == Type::kImageHost) continue;
    for (size_t n = 1; n < good.size(); n += 3) {
      EXPECT_TRUE(Handle(type, Wrapped(good.substr(0, n))));
    }
    EXPECT_TRUE(Handle(type, Wrapped(good + "x")));
    Finish();
  }
  ExpectNothingDone();
}

TEST_F(RequestsTest, DescriptorsFromTheFrontEndIt) {
  proto::Frame frame;
  frame.type = static_cast<uint16_t>(Type::kBoxCreate);
  frame.body = Wrapped(AGoodCreate());
  frame.fds.push_back(std::move(front_));
  EXPECT_FALSE(requests_->Handle(link_, std::move(frame)));
  ExpectNothingDone();
}

// A server that ends cancels what takes too long.
TEST_F(RequestsTest, ARequestThatIsCancelledHoldsItsBoxBackNoLonger) {
  driver_.ignore_term = true;
  EXPECT_TRUE(Handle(static_cast<uint16_t>(Type::kBoxCreate), Wrapped(AGoodCreate())));
  Finish();
  const pr::BoxStop stop{testing::kA, 60'000};
  EXPECT_TRUE(Handle(static_cast<uint16_t>(Type::kBoxStop), Wrapped(proto::Encode(stop))));
  const TimePoint start = Now();
  loop_.RunUntil(requests_->Drain(Now() + milliseconds(50)));
  EXPECT_EQ(boxes_->List().size(), 1U) << "the stop is under way";
  requests_->Cancel();
  loop_.RunUntil(boxes_->DeleteAll(Now() + seconds(20)));
  EXPECT_TRUE(boxes_->List().empty());
  EXPECT_LT(Now() - start, seconds(10));
}

// The twin: the same bytes, whole, are a request.
TEST_F(RequestsTest, AWholeRequestIsDone) {
  EXPECT_TRUE(Handle(static_cast<uint16_t>(Type::kBoxCreate), Wrapped(AGoodCreate())));
  Finish();
  EXPECT_EQ(boxes_->List().size(), 1u);
}

}  // namespace
}  // namespace cove::runner
