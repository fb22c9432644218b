// Goal: what is whole stays, whatever happens to its reader. Method: directories made by hand.
#include "image/store.h"

#include "base/testing.h"

namespace cove::image {
namespace {

TEST(TrashUnfinishedTest, TakesWhatWasNeverNamedAndNothingElse) {
  const TempDir images;
  const TempDir trash;
  const std::string whole(64, 'a');
  images.File(whole + "/meta", "of another version");
  images.File(".new-0123/root/f", "half of one");
  images.Dir("somebody-s");
  ASSERT_FALSE(ReadImage(images.fd(), ImageId(whole)));
  ASSERT_TRUE(TrashUnfinished(images.fd(), trash.fd()));
  EXPECT_TRUE(images.Has(whole + "/meta")) << "it cannot be read today";
  EXPECT_FALSE(images.Has(".new-0123"));
  EXPECT_TRUE(images.Has("somebody-s"));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(trash.path()), {}), 1);
}

}  // namespace
}  // namespace cove::image
