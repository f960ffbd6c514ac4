// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <filesystem>
#include <functional>

#include "os/disk_space.h"
#include "os/file_io.h"
#include "snapshot/layer_builder.h"
#include "snapshot/layer_contents.h"
#include "snapshot/test_random_tree.h"
#include "store/store.h"

namespace kiln::snapshot {
namespace {

using os::RelPath;
using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;

// --- the list of contents

LayerContents some_contents() {
  LayerContents contents;
  for (int i = 0; i < 50; ++i) {
    ListedFile file;
    file.path = "a/long/prefix/" + std::to_string(i * 7);
    file.mode = 0644;
    file.mtime = -i;
    file.mtime_nanoseconds = 5;
    file.size = static_cast<std::uint64_t>(i);
    file.content = sha256(file.path);
    contents.files.push_back(file);
  }
  StreamMark mark;
  mark.entries = 3;
  mark.plan = sha256("plan");
  mark.hash.size = 1024;
  contents.marks.push_back(mark);
  return contents;
}

TEST(LayerContents, AreReadAsTheyWereWritten) {
  const LayerContents contents = some_contents();
  const auto again = LayerContents::decode(contents.encode());
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->files, contents.files);
  EXPECT_EQ(again->marks, contents.marks);
}

TEST(LayerContents, DamageIsNoticed) {
  const std::string bytes = some_contents().encode();
  for (std::size_t at = 0; at < bytes.size(); at += 97) {
    std::string damaged = bytes;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(LayerContents::decode(damaged).has_value()) << at;
    EXPECT_FALSE(LayerContents::decode(std::string_view(bytes).substr(0, at)).has_value()) << at;
  }
}

TEST(ListedFiles, AreFoundInAnyOrder) {
  const LayerContents contents = some_contents();
  ListedFiles files(contents);
  for (const int i : {0, 1, 2, 49, 3, 3, 20, 21, 0}) {
    const auto& wanted = contents.files[static_cast<std::size_t>(i)];
    const ListedFile* found = files.find(wanted.path);
    ASSERT_NE(found, nullptr) << i;
    EXPECT_EQ(*found, wanted);
  }
  EXPECT_EQ(files.find("a/long/prefix/1"), nullptr);
  EXPECT_EQ(files.find(""), nullptr);
}

// --- layers made after another

/// A file of the plan; its content's digest is known, as from an earlier look at it.
struct Planned {
  std::string text;
  std::uint32_t mode = 0644;
  std::int64_t mtime = 1000;
  bool known = true;
};

class EarlierLayerTest : public ::testing::Test {
 protected:
  using Files = std::map<std::string, Planned>;

  /// Enough of them for several marks: about 4 MiB.
  static Files many() {
    Files files;
    for (int i = 0; i < 300; ++i) {
      const std::string name = "d" + std::to_string(i / 30) + "/f" + std::to_string(i);
      files[name] = {std::string(static_cast<std::size_t>(i) * 90 + 1, 'x') + std::to_string(i)};
    }
    files["d9/large"] = {std::string(std::size_t{200} << 10, 'L')};
    return files;
  }

  store::LayerInfo write(
      const Files& files, const EarlierLayer* earlier,
      const std::function<void()>& before_writing = [] {}) {
    auto plan = must(LayerBuilder::create(view_, {}));
    const os::FileInfo own = must(source_.stat("."));
    int number = 0;
    std::vector<std::string> sources;
    for (const auto& [path, file] : files) {
      sources.push_back(std::to_string(++number));
      (void)source_.remove_file(sources.back()).ok();
      write_file_in(source_, sources.back(), file.text);
      FileContent content{&source_, RelPath::clean(sources.back()), {}, false};
      if (file.known) content.known = {sha256(file.text), file.text.size()};
      must(plan.make_directories(RelPath::clean(path).parent(), 0755, own.uid, own.gid));
      must(plan.put_file(RelPath::clean(path), content,
                         {file.mode, own.uid, own.gid, file.mtime, 0, {}}));
    }
    before_writing();
    auto ingest = must(store_.layers().create());
    const auto info = must(
        plan.write(ingest, [](std::size_t, const os::FileInfo&, const Sha256Bytes&) {}, earlier));
    const auto tree = must(digest_tree(ingest.fs()));
    EXPECT_EQ(info.diff_id, tree.diff_id);
    EXPECT_EQ(info.tar_size, tree.stats.tar_size);
    EXPECT_EQ(info.content_size, tree.stats.content_size);
    must(store_.layers().commit(std::move(ingest), info));
    return info;
  }
  EarlierLayer earlier(const store::LayerInfo& info) {
    auto found = find_earlier_layer(store_.layers(), info.diff_id);
    EXPECT_TRUE(found.has_value());
    return *std::move(found);
  }
  std::uint64_t inode(const store::LayerInfo& info, const std::string& path) {
    return must(must(store_.layers().open_fs(info.diff_id)).find_beneath(RelPath::clean(path)))
        ->inode;
  }
  std::uint64_t accounted() {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(store_.paths().layers())) {
      const auto id = must(oci::DiffId::parse("sha256:" + entry.path().filename().string()));
      sum += must(store_.layers().get(id)).disk_size;
    }
    return sum;
  }

  TempDir top_;
  os::Dir base_ = top_.make_dir("base");
  os::Dir source_ = top_.make_dir("source");
  LayerView view_ = [&] {
    std::vector<os::Dir> layers;
    layers.push_back(must(base_.open_dir(".")));
    return LayerView(std::move(layers));
  }();
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(EarlierLayerTest, UnchangedFilesAreShared) {
  Files files = many();
  const auto first = write(files, nullptr);
  files["d4/f130"].text = "new";
  const EarlierLayer before = earlier(first);
  const auto second = write(files, &before);
  EXPECT_NE(second.diff_id, first.diff_id);
  EXPECT_EQ(second.linked_from, first.diff_id);
  EXPECT_EQ(inode(second, "d0/f3"), inode(first, "d0/f3"));
  EXPECT_EQ(inode(second, "d9/large"), inode(first, "d9/large"));
  EXPECT_NE(inode(second, "d4/f130"), inode(first, "d4/f130"));
  EXPECT_LT(second.disk_size, first.disk_size / 4);
}

TEST_F(EarlierLayerTest, EveryKindOfChangeGivesTheLayerThatItWouldBeAlone) {
  const auto first = write(many(), nullptr);
  const std::vector<std::pair<const char*, std::function<void(Files&)>>> edits = {
      {"nothing", [](Files&) {}},
      {"first file", [](Files& f) { f["d0/f0"].text = "other"; }},
      {"last file", [](Files& f) { f["d9/large"].text += "!"; }},
      {"same size", [](Files& f) { f["d5/f160"].text[3] = 'y'; }},
      {"added at the beginning", [](Files& f) { f["a"] = {"a"}; }},
      {"added at the end", [](Files& f) { f["z"] = {"z"}; }},
      {"removed", [](Files& f) { f.erase("d5/f151"); }},
      {"renamed", [](Files& f) { f["d5/g"] = f["d5/f151"], f.erase("d5/f151"); }},
      {"mode", [](Files& f) { f["d8/f250"].mode = 0755; }},
      {"time", [](Files& f) { f["d8/f250"].mtime = 7; }},
      {"content not known", [](Files& f) { f["d2/f70"].known = false; }},
      {"a directory's place taken",
       [](Files& f) {
         std::erase_if(f, [](const auto& entry) { return entry.first.starts_with("d3/"); });
         f["d3"] = {"a file"};
       }},
  };
  for (const auto& [what, edit] : edits) {
    SCOPED_TRACE(what);
    Files files = many();
    edit(files);
    const EarlierLayer before = earlier(first);
    const auto with = write(files, &before);
    EXPECT_EQ(with.diff_id, write(files, nullptr).diff_id);
  }
}

TEST_F(EarlierLayerTest, FileThatChangedAfterItWasLookedAtIsCopied) {
  const auto first = write(many(), nullptr);
  Files files = many();
  // A change of time makes it a file to be copied; what it holds is not what was known of it.
  files["d2/f70"].mtime = 8;
  int number = 0;
  for (const auto& [path, file] : files) {
    ++number;
    if (path == "d2/f70") break;
  }
  const EarlierLayer before = earlier(first);
  const auto second = write(files, &before, [&] {
    must(source_.remove_file(std::to_string(number)));
    write_file_in(source_, std::to_string(number), "changed meanwhile");
  });
  const os::Dir fs = must(store_.layers().open_fs(second.diff_id));
  EXPECT_EQ(os::test::read_file_in(must(fs.open_dir("d2")), "f70"), "changed meanwhile");
}

TEST_F(EarlierLayerTest, GenerationsFollowOneAnother) {
  Files files = many();
  auto last = write(files, nullptr);
  for (int generation = 0; generation < 4; ++generation) {
    files["d" + std::to_string(generation * 2) + "/new"] = {std::string(3000, 'n')};
    const EarlierLayer before = earlier(last);
    const auto next = write(files, &before);
    EXPECT_EQ(inode(next, "d9/f299"), inode(last, "d9/f299"));
    last = next;
  }
}

TEST_F(EarlierLayerTest, WhoeverIsRemovedTheSumOfSizesStays) {
  for (const int removed : {0, 1, 2}) {
    SCOPED_TRACE(removed);
    Files files = many();
    std::vector<store::LayerInfo> layers = {write(files, nullptr)};
    for (int i = 0; i < 2; ++i) {
      files["d1/more" + std::to_string(i)] = {std::string(50'000, 'm')};
      const EarlierLayer before = earlier(layers.back());
      layers.push_back(write(files, &before));
    }
    must(store_.layers().remove(layers[static_cast<std::size_t>(removed)].diff_id));
    const auto on_disk = os::disk_usage(store_.paths().layers());
    EXPECT_NEAR(static_cast<double>(accounted()), static_cast<double>(on_disk),
                static_cast<double>(on_disk) * 0.02);
    for (const auto& layer : layers) (void)store_.layers().remove(layer.diff_id).ok();
  }
}

}  // namespace
}  // namespace kiln::snapshot
