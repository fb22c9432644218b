// Goal: file operations do what their names say, with errors that tell the path, and an upload
// appears whole or not at all. Method: a standalone toolbox working in a folder of the test.
#include <sys/stat.h>

#include <functional>

#include "toolbox/testing.h"

namespace cove::toolbox {
namespace {

Task<Result<void>> Put(ToolboxClient* client, std::string path, std::string text, uint32_t mode) {
  CO_ASSIGN_OR_RETURN(auto writer, co_await client->WriteFile(std::move(path), mode));
  auto written = co_await writer->Write(text);
  (void)written;  // Finish tells the reason
  co_return co_await writer->Finish();
}

Task<Result<std::string>> Fetch(ToolboxClient* client, std::string path, uint64_t offset) {
  CO_ASSIGN_OR_RETURN(auto reader, co_await client->ReadFile(std::move(path), offset));
  std::string text;
  for (;;) {
    CO_ASSIGN_OR_RETURN(const std::string piece, co_await reader->Next());
    if (piece.empty()) co_return std::move(text);
    text += piece;
  }
}

class FilesTest : public ToolboxTest {
 protected:
  Result<void> Write(std::string path, std::string text, uint32_t mode = 0644) {
    return Get(Put(client_.get(), std::move(path), std::move(text), mode));
  }
  Result<std::string> Read(std::string path, uint64_t offset = 0) {
    return Get(Fetch(client_.get(), std::move(path), offset));
  }
  mode_t ModeOf(const std::string& name) {
    struct stat info{};
    EXPECT_EQ(stat((home_ + "/" + name).c_str(), &info), 0);
    return info.st_mode & 07777;
  }
};

TEST_F(FilesTest, WritesWithParentsAndReadsFromAnOffset) {
  ASSERT_TRUE(Write("a/b/c.txt", "hello world"));
  EXPECT_EQ(Slurp(home_ + "/a/b/c.txt"), "hello world");
  EXPECT_EQ(*Read("a/b/c.txt"), "hello world");
  EXPECT_EQ(*Read(home_ + "/a/b/c.txt", 6), "world");
}

TEST_F(FilesTest, StreamsLargeFiles) {
  std::string text(9'000'001, 'x');
  for (size_t i = 0; i < text.size(); i += 997) text[i] = static_cast<char>(i);
  ASSERT_TRUE(Write("large", text));
  EXPECT_TRUE(*Read("large") == text);
}

TEST_F(FilesTest, KeepsTheModeOfAnExistingFileAndFollowsLinks) {
  ASSERT_TRUE(Write("script", "a", 0755));
  EXPECT_EQ(ModeOf("script"), 0755u);
  std::filesystem::create_symlink("script", home_ + "/link");
  ASSERT_TRUE(Write("link", "b", 0600));
  EXPECT_EQ(ModeOf("script"), 0755u);
  EXPECT_EQ(Slurp(home_ + "/script"), "b");
  EXPECT_TRUE(std::filesystem::is_symlink(home_ + "/link"));
}

Task<Result<void>> GiveUp(ToolboxClient* client) {
  CO_ASSIGN_OR_RETURN(auto writer, co_await client->WriteFile("half"));
  co_return co_await writer->Write("half of it");
}

TEST_F(FilesTest, LeavesNothingOfAnUploadThatWasGivenUp) {
  ASSERT_TRUE(Get(GiveUp(client_.get())));
  EXPECT_TRUE(Eventually([this] { return std::filesystem::is_empty(home_); }));
}

TEST_F(FilesTest, TellsWhyAnUploadFailedAndLeavesNothing) {
  ASSERT_TRUE(Get(client_->MakeFolder("folder")));
  const auto onto_folder = Write("folder", std::string(1'000'000, 'x'));
  EXPECT_EQ(onto_folder.error().code(), Code::kInvalid) << onto_folder.error().message();
  EXPECT_NE(onto_folder.error().message().find("folder"), std::string::npos);
}

TEST_F(FilesTest, WritesWhereALinkToNothingLeads) {
  ASSERT_TRUE(Get(client_->MakeFolder("folder")));
  std::filesystem::create_symlink("folder/new", home_ + "/link");
  std::filesystem::create_symlink("../link", home_ + "/folder/again");
  ASSERT_TRUE(Write("folder/again", "text"));
  EXPECT_EQ(Slurp(home_ + "/folder/new"), "text");
  EXPECT_TRUE(std::filesystem::is_symlink(home_ + "/link"));
  std::filesystem::create_symlink("missing/new", home_ + "/nowhere");
  EXPECT_EQ(Write("nowhere", "text").error().code(), Code::kNotFound);
  std::filesystem::create_symlink("loop", home_ + "/loop");
  const auto loop = Write("loop", "text");
  EXPECT_EQ(loop.error().code(), Code::kInvalid) << loop.error().message();
}

Task<Result<void>> PutAround(ToolboxClient* client, std::string path,
                             std::function<void()> change) {
  CO_ASSIGN_OR_RETURN(auto writer, co_await client->WriteFile(std::move(path)));
  CO_RETURN_IF_ERROR(co_await writer->Write("text"));
  // The folder is open when something is in it.
  co_await async::Sleep(milliseconds(1));
  change();
  co_return co_await writer->Finish();
}

// What was checked is what is written to: the folder itself, not whatever has its name by then.
TEST_F(FilesTest, AFolderThatTurnsIntoALinkDuringAnUploadLeadsNowhere) {
  ASSERT_TRUE(Write("real/old", ""));
  ASSERT_TRUE(Get(client_->MakeFolder("elsewhere")));
  const auto swap = [this] {
    ASSERT_TRUE(Eventually([this] {
      const std::filesystem::directory_iterator all(home_ + "/real");
      return std::distance(begin(all), end(all)) == 2;
    }));
    std::filesystem::rename(home_ + "/real", home_ + "/moved");
    std::filesystem::create_symlink("elsewhere", home_ + "/real");
  };
  const auto put = Get(PutAround(client_.get(), "real/file", swap));
  ASSERT_TRUE(put) << put.error().message();
  EXPECT_EQ(Slurp(home_ + "/moved/file"), "text");
  EXPECT_TRUE(std::filesystem::is_empty(home_ + "/elsewhere"));
}

TEST_F(FilesTest, FollowsNoMagicLinksOfProc) {
  const auto itself = "/proc/" + std::to_string(pid_);
  std::filesystem::create_symlink("/proc/self/cwd", home_ + "/where");
  for (const std::string& path :
       {std::string("/proc/self/exe"), itself + "/exe", std::string("/proc/self/root/etc/passwd"),
        std::string("/proc/self/fd/3"), std::string("where/etc/passwd")}) {
    const auto read = Read(path);
    ASSERT_FALSE(read) << path;
    EXPECT_EQ(read.error().code(), Code::kInvalid) << path << ": " << read.error().message();
    EXPECT_FALSE(Write(path, "text")) << path;
    EXPECT_EQ(Get(client_->SetMode({path, "0600", "", ""})).error().code(), Code::kInvalid) << path;
  }
  EXPECT_FALSE(Get(client_->ListFiles("where")));
  EXPECT_FALSE(Get(client_->ListFiles("/proc/self/root/")));
  EXPECT_TRUE(Get(client_->Stat("where"))) << "the link itself can be seen";
}

TEST_F(FilesTest, RemovesAndMovesOnlyWhatHasAName) {
  ASSERT_TRUE(Write("a/b/c", "x"));
  for (const char* path : {"/", "a/b/..", "a/b/."}) {
    EXPECT_EQ(Get(client_->Delete({path, true})).error().code(), Code::kInvalid) << path;
    EXPECT_EQ(Get(client_->Move(path, "new")).error().code(), Code::kInvalid) << path;
  }
  EXPECT_EQ(Slurp(home_ + "/a/b/c"), "x");
}

TEST_F(FilesTest, MovesToAnotherFileSystem) {
  ASSERT_TRUE(Write("tree/a", "1"));
  TempDir other("/dev/shm");
  const std::string to = other / "tree";
  const auto moved = Get(client_->Move("tree", to));
  ASSERT_TRUE(moved) << moved.error().message();
  EXPECT_EQ(Slurp(to + "/a"), "1");
  EXPECT_FALSE(std::filesystem::exists(home_ + "/tree"));
}

TEST_F(FilesTest, ReportsWhatIsMissing) {
  EXPECT_EQ(Read("nothing").error().code(), Code::kNotFound);
  EXPECT_NE(Read("nothing").error().message().find(home_ + "/nothing"), std::string::npos);
  EXPECT_EQ(Get(client_->Stat("nothing")).error().code(), Code::kNotFound);
  EXPECT_EQ(Get(client_->ListFiles("nothing")).error().code(), Code::kNotFound);
  EXPECT_EQ(Get(client_->Delete({"nothing", false})).error().code(), Code::kNotFound);
  EXPECT_EQ(Get(client_->Move("nothing", "x")).error().code(), Code::kNotFound);
  EXPECT_EQ(Get(client_->Stat("")).error().code(), Code::kInvalid);
}

TEST_F(FilesTest, NeverHangsOnAFifo) {
  ASSERT_EQ(mkfifo((home_ + "/fifo").c_str(), 0666), 0);
  EXPECT_EQ(Read("fifo").error().code(), Code::kInvalid);
  EXPECT_EQ(Write("fifo", "x").error().code(), Code::kInvalid);
}

TEST_F(FilesTest, ListsWithDepth) {
  ASSERT_TRUE(Write("d/one", "1"));
  ASSERT_TRUE(Write("d/sub/two", "22"));
  const auto flat = Get(client_->ListFiles("d"));
  ASSERT_TRUE(flat);
  ASSERT_EQ(flat->size(), 2u);
  EXPECT_EQ((*flat)[0].name, "one");
  EXPECT_EQ((*flat)[0].size, 1u);
  EXPECT_TRUE(S_ISDIR((*flat)[1].mode));
  const auto deep = Get(client_->ListFiles("d", 2));
  ASSERT_EQ(deep->size(), 3u);
  EXPECT_EQ((*deep)[2].path, home_ + "/d/sub/two");
  EXPECT_EQ(Get(client_->ListFiles(".", 9))->size(), 4u);
}

TEST_F(FilesTest, ListsThousands) {
  for (int i = 0; i < 3000; ++i) std::ofstream(home_ + "/f" + std::to_string(i));
  EXPECT_EQ(Get(client_->ListFiles("."))->size(), 3000u);
}

TEST_F(FilesTest, MakesFoldersWithTheirMode) {
  ASSERT_TRUE(Get(client_->MakeFolder("x/y", 0700)));
  EXPECT_EQ(ModeOf("x"), 0755u);
  EXPECT_EQ(ModeOf("x/y"), 0700u);
  EXPECT_TRUE(Get(client_->MakeFolder("x/y", 0700)));
  ASSERT_TRUE(Write("file", ""));
  EXPECT_EQ(Get(client_->MakeFolder("file")).error().code(), Code::kConflict);
}

TEST_F(FilesTest, DeletesFoldersOnlyWhenToldTo) {
  ASSERT_TRUE(Write("t/a/b", "x"));
  std::filesystem::create_symlink("/etc", home_ + "/t/a/etc");
  EXPECT_EQ(Get(client_->Delete({"t", false})).error().code(), Code::kInvalid);
  EXPECT_TRUE(Get(client_->Delete({"t/", true})));
  EXPECT_FALSE(std::filesystem::exists(home_ + "/t"));
  EXPECT_TRUE(std::filesystem::exists("/etc/passwd"));
}

TEST_F(FilesTest, MovesButNeverOverSomething) {
  ASSERT_TRUE(Write("m", "1"));
  ASSERT_TRUE(Write("n", "2"));
  EXPECT_EQ(Get(client_->Move("m", "n")).error().code(), Code::kConflict);
  EXPECT_EQ(Get(client_->Move("m", "no/such")).error().code(), Code::kNotFound);
  EXPECT_TRUE(Get(client_->Move("m", "k")));
  EXPECT_EQ(*Read("k"), "1");
}

TEST_F(FilesTest, SetsTheMode) {
  ASSERT_TRUE(Write("f", ""));
  EXPECT_TRUE(Get(client_->SetMode({"f", "0601", "", ""})));
  EXPECT_EQ(ModeOf("f"), 0601u);
  EXPECT_EQ(Get(client_->SetMode({"f", "9", "", ""})).error().code(), Code::kInvalid);
}

TEST_F(FilesTest, FindsTextAndSkipsBinaries) {
  ASSERT_TRUE(Write("src/a.txt", "one\ntwo needle\r\nthree\nneedle"));
  ASSERT_TRUE(Write("src/b.bin", std::string("\0needle", 7)));
  const auto found = Get(client_->FindText(".", "needle"));
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].file, home_ + "/src/a.txt");
  EXPECT_EQ((*found)[0].line, 2u);
  EXPECT_EQ((*found)[0].content, "two needle");
  EXPECT_EQ((*found)[1].line, 4u);
  EXPECT_EQ(Get(client_->FindText("src/a.txt", "three"))->size(), 1u);
}

TEST_F(FilesTest, FindsTextAcrossReadsAndAfterALineThatIsTooLong) {
  std::string text(65533, 'y');
  text += "needle\n" + std::string(3'000'000, 'z') + "\nneedle\n";
  ASSERT_TRUE(Write("big", text));
  const auto found = Get(client_->FindText("big", "needle"));
  ASSERT_EQ(found->size(), 2u);
  EXPECT_EQ((*found)[0].line, 1u);
  EXPECT_EQ((*found)[1].line, 3u);
}

TEST_F(FilesTest, SearchesNamesByGlob) {
  ASSERT_TRUE(Write("p/x.py", ""));
  ASSERT_TRUE(Write("p/q/y.py", ""));
  ASSERT_TRUE(Write("p/q/y.js", ""));
  EXPECT_EQ(Get(client_->SearchNames("p", "*.py"))->size(), 2u);
}

TEST_F(FilesTest, ReplacesLiterallyAndReportsPerFile) {
  ASSERT_TRUE(Write("r1", "a.b a.b axb", 0755));
  const auto done = Get(client_->Replace({{"r1", "missing"}, "a.b", "$&"}));
  ASSERT_TRUE(done);
  ASSERT_EQ(done->size(), 2u);
  EXPECT_EQ((*done)[0].content, "");
  EXPECT_NE((*done)[1].content, "");
  EXPECT_EQ(*Read("r1"), "$& $& axb");
  EXPECT_EQ(ModeOf("r1"), 0755u);
}

}  // namespace
}  // namespace cove::toolbox
