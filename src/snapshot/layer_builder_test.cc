// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_builder.h"

#include <gtest/gtest.h>

#include "snapshot/test_random_tree.h"
#include "store/store.h"

namespace kiln::snapshot {
namespace {

using os::RelPath;
using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;
using test::ignore_content;

Metadata mine(std::uint32_t mode = 0644) {
  static const os::FileInfo info = must(TempDir().dir().stat("."));
  return {mode, info.uid, info.gid, 1000, 0, {}};
}

/// A plan over one lower layer, "base", with a source folder, "source".
class LayerBuilderTest : public ::testing::Test {
 protected:
  LayerView view() {
    std::vector<os::Dir> layers;
    layers.push_back(must(base_.open_dir(".")));
    return LayerView(std::move(layers));
  }
  LayerBuilder builder(LayerBuilder::Options options = {}) {
    return must(LayerBuilder::create(view_, options));
  }
  /// Writes it and checks that the diff ID is the directory's.
  store::LayerIngest write(LayerBuilder& plan, const ContentSeen& seen = ignore_content) {
    auto ingest = must(store_.layers().create());
    const auto info = must(plan.write(ingest, seen));
    const auto tree = must(digest_tree(ingest.fs()));
    EXPECT_EQ(info.diff_id, tree.diff_id);
    EXPECT_EQ(info.tar_size, tree.stats.tar_size);
    EXPECT_EQ(info.content_size, tree.stats.content_size);
    return ingest;
  }
  static RelPath at(std::string_view path) { return RelPath::clean(path); }
  FileContent source(std::string_view path, bool take = false) {
    return {&source_, at(path), {}, take};
  }
  static FileContent text(std::string content) { return {nullptr, {}, std::move(content), false}; }

  TempDir top_;
  os::Dir base_ = top_.make_dir("base");
  os::Dir source_ = top_.make_dir("source");
  LayerView view_ = view();
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(LayerBuilderTest, EmptyPlanIsAnEmptyLayer) {
  auto plan = builder();
  const auto layer = write(plan);
  EXPECT_TRUE(must(layer.fs().list()).empty());
}

TEST_F(LayerBuilderTest, LowerDirectoriesOnTheWayKeepTheirMetadata) {
  top_.make_dir("base/etc/conf.d");
  must(base_.set_mode("etc", 0750));
  must(base_.set_mtime("etc", 77, 0));
  auto plan = builder();
  must(plan.put_file(at("etc/conf.d/x"), text("x"), mine()));
  const auto layer = write(plan);
  EXPECT_EQ(must(layer.fs().stat("etc")).permissions, 0750u);
  EXPECT_EQ(must(layer.fs().stat("etc")).mtime, 77);
  EXPECT_TRUE(must(must(layer.fs().open_dir("etc")).xattrs(".")).empty());
}

TEST_F(LayerBuilderTest, MadeDirectoriesHaveOneTimeOnEveryBase) {
  must(base_.set_mtime(".", 4242, 0));
  LayerView fresh = view();
  auto plan = must(LayerBuilder::create(fresh, {}));
  must(plan.make_directories(at("a/b"), 0755, mine().uid, mine().gid));
  const auto layer = write(plan);
  EXPECT_EQ(must(layer.fs().stat("a")).mtime, kMadeDirectoryTime);
  EXPECT_EQ(must(must(layer.fs().open_dir("a")).stat("b")).mtime, kMadeDirectoryTime);
}

TEST_F(LayerBuilderTest, DirectoriesThatAreThereNeedNoMention) {
  top_.make_dir("base/a/b");
  auto plan = builder();
  must(plan.make_directories(at("a/b"), 0700, 1, 1));
  must(plan.make_directories({}, 0700, 1, 1));
  EXPECT_TRUE(must(write(plan).fs().list()).empty());
}

TEST_F(LayerBuilderTest, FileInTheWayOfADirectoryIsInvalid) {
  write_file_in(base_, "f", "x");
  auto plan = builder();
  must(plan.put_file(at("g"), text("x"), mine()));
  for (const char* path : {"f", "f/d", "g", "g/d"}) {
    const auto made = plan.make_directories(at(path), 0755, 0, 0);
    ASSERT_FALSE(made.ok()) << path;
    EXPECT_EQ(made.error().kind(), ErrorKind::invalid_input) << path;
  }
}

TEST_F(LayerBuilderTest, DirectoryOverALowerFileReplacesIt) {
  write_file_in(base_, "x", "file");
  auto plan = builder();
  must(plan.put_directory(at("x"), mine(0755)));
  must(plan.put_file(at("x/y"), text("y"), mine()));
  const auto layer = write(plan);
  std::vector<os::Dir> stack;
  stack.push_back(must(base_.open_dir(".")));
  stack.push_back(must(layer.fs().open_dir(".")));
  EXPECT_EQ(must(LayerView(std::move(stack)).list(at("x"))), std::vector<std::string>{"y"});
}

TEST_F(LayerBuilderTest, FileThenDirectoryOverALowerDirectoryHidesIt) {
  top_.make_dir("base/d");
  top_.write("base/d/old", "x");
  auto plan = builder();
  must(plan.put_file(at("d"), text("x"), mine()));
  must(plan.put_directory(at("d"), mine(0755)));
  EXPECT_FALSE(must(plan.find(at("d/old"))).has_value());
  const auto layer = write(plan);
  std::vector<os::Dir> stack;
  stack.push_back(must(base_.open_dir(".")));
  stack.push_back(must(layer.fs().open_dir(".")));
  EXPECT_TRUE(must(LayerView(std::move(stack)).list(at("d"))).empty());
}

TEST_F(LayerBuilderTest, ContentIsSeenWithItsDigest) {
  write_file_in(source_, "f", "content");
  std::map<std::size_t, Sha256Bytes> seen;
  auto plan = builder();
  must(plan.put_file(at("a"), source("f"), mine(), 7));
  must(plan.put_file(at("b"), source("f"), mine()));
  const auto layer =
      write(plan, [&](std::size_t tag, const os::FileInfo& info, const Sha256Bytes& digest) {
        EXPECT_EQ(info.size, 7u);
        seen[tag] = digest;
      });
  ASSERT_EQ(seen.size(), 1u);
  EXPECT_EQ(seen.at(7), sha256("content"));
}

TEST_F(LayerBuilderTest, TakenFileIsGoneFromItsSource) {
  write_file_in(source_, "f", "content");
  auto plan = builder();
  must(plan.make_directories(at("deep"), 0755, mine().uid, mine().gid));
  must(plan.put_file(at("deep/g"), source("f", true), mine()));
  const auto layer = write(plan);
  EXPECT_EQ(os::test::read_file_in(must(layer.fs().open_dir("deep")), "g"), "content");
  EXPECT_FALSE(must(source_.find("f")).has_value());
}

TEST_F(LayerBuilderTest, TakenFileHasTheGivenXattrsAlone) {
  write_file_in(source_, "f", "content");
  must(source_.set_xattr("f", "user.left", "over"));
  auto plan = builder();
  must(plan.put_file(at("f"), source("f", true), mine()));
  const auto layer = write(plan);
  EXPECT_TRUE(must(layer.fs().xattrs("f")).empty());
}

TEST_F(LayerBuilderTest, LinkedFilesAreOneInode) {
  write_file_in(source_, "f", "content");
  auto plan = builder();
  for (const char* path : {"z", "a", "m"})
    must(plan.put_linked_file(at(path), source("f"), mine(), kNoTag, 3));
  must(plan.put_linked_file(at("other"), source("f"), mine(), kNoTag, 4));
  const auto layer = write(plan);
  EXPECT_EQ(must(layer.fs().stat("z")).links, 3u);
  EXPECT_EQ(must(layer.fs().stat("other")).links, 1u);
}

TEST_F(LayerBuilderTest, LinkedFilesOfDifferentMetadataStillHaveTheTreesDigest) {
  write_file_in(source_, "f", "content");
  auto plan = builder();
  must(plan.put_linked_file(at("a"), source("f"), mine(0644), kNoTag, 1));
  must(plan.put_linked_file(at("b"), source("f"), mine(0600), kNoTag, 1));
  (void)write(plan);
}

TEST_F(LayerBuilderTest, NoEntryIsLaterThanTheLimit) {
  must(base_.set_mtime(".", 9000, 0));
  LayerView fresh = view();
  auto plan = must(LayerBuilder::create(fresh, {.mtimes = MtimeLimit{500}, .made_mtime = 600}));
  must(plan.make_directories(at("d"), 0755, mine().uid, mine().gid));
  must(plan.put_file(at("d/f"), text("x"), mine()));
  Metadata exact = mine();
  exact.mtime = 500;
  exact.mtime_nanoseconds = 9;
  must(plan.put_symlink(at("d/l"), "f", exact));
  const auto layer = write(plan);
  const os::Dir d = must(layer.fs().open_dir("d"));
  for (const char* name : {".", "f", "l"}) {
    EXPECT_EQ(must(d.stat(name)).mtime, 500) << name;
    EXPECT_EQ(must(d.stat(name)).mtime_nanoseconds, 0u) << name;
  }
}

TEST_F(LayerBuilderTest, TimesBeyondTheFileSystemStillHaveTheTreesDigest) {
  for (const std::int64_t mtime : {std::int64_t{20'000'000'000}, std::int64_t{-3'000'000'000}}) {
    Metadata far = mine();
    far.mtime = mtime;
    auto plan = builder();
    must(plan.put_file(at("f"), text("x"), far));
    (void)write(plan);
  }
}

TEST_F(LayerBuilderTest, WhiteoutNamesBecomeWhiteoutsAndDevicesAreRefused) {
  auto named = builder();
  must(named.put_file(at(".wh.x"), text("x"), mine()));
  const auto layer = write(named);
  EXPECT_TRUE(must(layer.fs().stat("x")).is_whiteout());
  EXPECT_EQ(named.adopted_whiteouts(), std::vector<std::string>{".wh.x"});

  auto device = builder();
  if (!device.put_device(at("zero"), archive::EntryType::char_device, 0, 0, mine()).ok()) return;
  const auto second = must(store_.layers().create());
  EXPECT_FALSE(device.write(second, ignore_content).ok()) << "a device 0/0 became a whiteout";
}

TEST_F(LayerBuilderTest, HolesOfASourceStayHoles) {
  const os::Fd fd = must(source_.create_file("sparse", 0644));
  must(os::resize_file(fd, 16 << 20, "sparse"));
  auto plan = builder();
  must(plan.put_file(at("sparse"), source("sparse"), mine()));
  const auto layer = write(plan);
  EXPECT_EQ(must(layer.fs().stat("sparse")).size, std::uint64_t{16} << 20);
  EXPECT_LT(must(layer.fs().stat("sparse")).allocated, std::uint64_t{1} << 20);
}

TEST_F(LayerBuilderTest, PlanIsSeenByResolution) {
  top_.make_dir("base/real");
  auto plan = builder();
  must(plan.put_symlink(at("link"), "/real", mine()));
  must(plan.put_file(at("real/f"), text("x"), mine()));
  EXPECT_EQ(must(plan.resolve("/link/f", Last::follow)).str(), "real/f");
  EXPECT_EQ(must(plan.find(at("real/f")))->type, os::FileType::file);
  EXPECT_EQ(must(plan.find(at("link")))->type, os::FileType::symlink);
  EXPECT_FALSE(must(plan.find(at("link/f"))).has_value());
  EXPECT_FALSE(must(plan.find(at("real/absent"))).has_value());
}

TEST_F(LayerBuilderTest, RandomPlansHaveTheDigestOfTheDirectoryThatTheyWrite) {
  const std::vector<std::string> names = {"a", "b", "a-", "c\n", std::string(255, 'l')};
  for (unsigned seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    test::Random random(seed);
    const std::string number = std::to_string(seed);
    const os::Dir low = top_.make_dir("low" + number), from = top_.make_dir("from" + number);
    test::TreeMaker(random, {}).fill(low, 5, names);
    std::vector<os::Dir> layers;
    layers.push_back(must(low.open_dir(".")));
    const LayerView below(std::move(layers));
    LayerBuilder::Options options;
    if (random.one_in(3)) options.mtimes = MtimeLimit{1500};
    auto plan = must(LayerBuilder::create(below, options));
    unsigned files = 0;
    for (int i = 0; i < 20; ++i) {
      RelPath path;
      for (unsigned depth = random.below(3) + 1; depth > 0; --depth) path = path / random.of(names);
      const auto parent = must(plan.find(path.parent()));
      if (!parent) {
        (void)plan.make_directories(path.parent(), 0711, mine().uid, mine().gid).ok();
      }
      Metadata metadata = mine(random.of(std::vector<std::uint32_t>{0644, 04755, 01777, 0700}));
      metadata.mtime = random.below(3000);
      metadata.mtime_nanoseconds = random.below(1000);
      const auto kind = random.below(8);
      if (kind != 4 && kind != 5 && random.one_in(3)) metadata.xattrs["user.x"] = random.bytes(20);
      // The path may lead through a file: then the plan refuses it and goes on.
      Result<void> put;
      const std::string file = "f" + std::to_string(files++);
      write_file_in(from, file, random.bytes(random.below(3000)));
      const FileContent content{&from, at(file), {}, file != "f0" && random.one_in(3)};
      switch (kind) {
        case 0:
        case 1:
          put = plan.put_file(path, content, metadata, files);
          break;
        case 2:
          put = plan.put_file(path, text(random.bytes(random.below(600))), metadata);
          break;
        case 3:
          metadata.mode |= 0700;  // else an ordinary user can't look into it
          put = plan.put_directory(path, metadata);
          break;
        case 4:
          put = plan.put_symlink(path, "somewhere", metadata);
          break;
        case 5:
          put = plan.put_fifo(path, metadata);
          break;
        default: {
          Metadata shared = mine(0640);
          shared.mtime = 1234;
          const FileContent group{&from, at("f0"), {}, false};
          put = plan.put_linked_file(path, group, shared, kNoTag, random.below(2));
        }
      }
      if (!put.ok()) {
        EXPECT_TRUE(put.error().kind() == ErrorKind::invalid_input ||
                    put.error().kind() == ErrorKind::not_found)
            << put.error().message();
      }
    }
    auto ingest = must(store_.layers().create());
    const auto info = plan.write(ingest, ignore_content);
    ASSERT_TRUE(info.ok()) << info.error().message();
    const auto tree = must(digest_tree(ingest.fs()));
    ASSERT_EQ(info->diff_id, tree.diff_id);
    ASSERT_EQ(info->tar_size, tree.stats.tar_size);
    ASSERT_EQ(info->content_size, tree.stats.content_size);
  }
}

}  // namespace
}  // namespace kiln::snapshot
