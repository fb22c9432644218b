// Goal: a message of any length arrives whole, and a front that does not read costs a bounded
// amount. Method: a link to a client of the contract, and one to nobody.
#include "runner/front_link.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "async/task_group.h"
#include "proto/runner_client.h"

namespace cove::runner {
namespace {

namespace pr = proto::runner;

struct Rig {
  Rig() {
    auto pair = net::StreamPair();
    link.emplace(std::move(pair->first));
    peer = std::move(pair->second);
  }
  async::Loop loop;
  std::optional<FrontLink> link;
  UniqueFd peer;
};

pr::ImageList ManyImages(size_t images, size_t layers) {
  pr::ImageList list;
  list.images.resize(images);
  for (size_t i = 0; i < images; ++i) {
    list.images[i].id = ImageId(std::to_string(i));
    list.images[i].layers.assign(layers, ImageId(std::string(64, 'a')));
  }
  return list;
}

// Answers whatever is asked with `bodies`, in turn.
Task<void> Answer(FrontLink* link, std::vector<std::string> bodies) {
  for (size_t i = 0; i < bodies.size(); ++i) {
    const auto frame = co_await link->Receive();
    const auto request = proto::Decode<pr::Request>(frame->body);
    pr::Reply reply;
    reply.number = request->number;
    reply.body = bodies[i];
    link->Send(pr::Type::kReply, reply);
  }
}

Task<void> AskTwice(FrontLink* link, proto::RunnerClient* client) {
  const pr::ImageList images = ManyImages(60, 500);
  pr::BoxList boxes;
  boxes.boxes.resize(40'000);
  boxes.boxes.back().oom_kills = 7;
  const std::vector<std::string> bodies = {proto::Encode(images), proto::Encode(boxes)};
  for (const std::string& body : bodies) EXPECT_GT(body.size(), proto::kFrameBodyMax);
  async::TaskGroup group;
  group.Spawn(link->Write());
  group.Spawn(Answer(link, bodies));
  const auto listed = co_await client->ListImages();
  EXPECT_TRUE(listed);
  if (listed) {
    EXPECT_EQ(listed->size(), 60U);
    EXPECT_EQ(listed->back().layers.size(), 500U);
  }
  const auto kept = co_await client->ListBoxes();
  EXPECT_TRUE(kept);
  if (kept) EXPECT_EQ(kept->size(), 40'000U);
  if (kept) EXPECT_EQ(kept->back().oom_kills, 7U);
}

TEST(FrontLinkTest, AMessageLongerThanAFrameArrivesWhole) {
  Rig rig;
  proto::RunnerClient client(std::move(rig.peer));
  rig.loop.RunUntil(AskTwice(&*rig.link, &client));
}

Task<void> SendToNobody(FrontLink* link, bool* ended) {
  async::TaskGroup group;
  group.Spawn([](FrontLink* l, bool* e) -> Task<void> {
    co_await l->Write();
    *e = true;
  }(link, ended));
  pr::Progress line;
  line.text.assign(1 << 19, 'x');
  for (int i = 0; i < 60; ++i) link->Send(pr::Type::kProgress, line);
  co_await async::Yield();
  EXPECT_FALSE(*ended) << "this much may wait";
  for (int i = 0; i < 60; ++i) link->Send(pr::Type::kProgress, line);
  co_await group.Join();
  EXPECT_FALSE(co_await link->Receive()) << "its reader ends, too";
}

TEST(FrontLinkTest, AFrontThatDoesNotReadIsTakenOff) {
  Rig rig;
  bool ended = false;
  rig.loop.RunUntil(SendToNobody(&*rig.link, &ended));
  EXPECT_TRUE(ended);
}

Task<void> SendDescriptors(FrontLink* link, int fd, int* sent) {
  async::TaskGroup group;
  group.Spawn(link->Write());
  for (*sent = 0; *sent < 100'000; ++*sent) {
    std::vector<UniqueFd> fds;
    for (int i = 0; i < 4; ++i) fds.emplace_back(fcntl(fd, F_DUPFD_CLOEXEC, 0));
    if (!fds.back()) break;
    link->Send(pr::Type::kReply, pr::Reply(), std::move(fds));
    co_await async::Yield();
    if (group.size() == 0) break;
  }
}

TEST(FrontLinkTest, DescriptorsThatWaitLeaveMostOfThemToTheRunner) {
  rlimit before{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{300, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  {
    Rig rig;
    int sent = 0;
    rig.loop.RunUntil(SendDescriptors(&*rig.link, rig.peer.get(), &sent));
    const UniqueFd more(fcntl(rig.peer.get(), F_DUPFD_CLOEXEC, 0));
    EXPECT_TRUE(more) << "after " << sent << " answers";
  }
  setrlimit(RLIMIT_NOFILE, &before);
}

}  // namespace
}  // namespace cove::runner
