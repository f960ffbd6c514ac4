// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::snapshot {
namespace {

using os::RelPath;
using os::test::must;
using os::test::TempDir;
using testing::ElementsAre;
using testing::IsEmpty;

/// Layers "0" (lowest), "1" … as directories.
class LayerViewTest : public ::testing::Test {
 protected:
  void file(int layer, const std::string& path, std::string_view content = "x") {
    const auto slash = path.find_last_of('/');
    if (slash != std::string::npos)
      dir(layer, path.substr(0, slash));
    else
      dir(layer, "");
    top_.write(std::to_string(layer) + "/" + path, content);
  }
  os::Dir dir(int layer, const std::string& path) {
    return top_.make_dir(std::to_string(layer) + "/" + path);
  }
  void opaque(int layer, const std::string& path) {
    must(dir(layer, path).set_xattr(".", kOpaqueXattr, "y"));
  }
  void whiteout(int layer, const std::string& folder, const std::string& name) {
    must(dir(layer, folder).create_whiteout(name));
  }
  LayerView view(int layers) {
    LayerView::Layers opened;
    for (int i = 0; i < layers; ++i) {
      dir(i, "");
      const std::string name = std::to_string(i);
      opened.push_back(must(store::OpenLayers().open(oci::DiffId::of(name), top_.path(name))));
    }
    return LayerView(std::move(opened));
  }
  static bool has(const LayerView& v, std::string_view path) {
    return must(v.find(RelPath::clean(path))).has_value();
  }
  static std::vector<std::string> list(const LayerView& v, std::string_view path) {
    return must(v.list(RelPath::clean(path)));
  }

  TempDir top_;
};

TEST_F(LayerViewTest, NoLayersAreAnEmptyRoot) {
  const LayerView none{std::vector<os::Dir>()};
  EXPECT_FALSE(has(none, "a"));
  EXPECT_THAT(list(none, ""), IsEmpty());
  EXPECT_EQ(must(none.resolve("/a/../b", Last::follow)).str(), "b");
}

TEST_F(LayerViewTest, TopmostLayerWins) {
  file(0, "a", "low");
  file(1, "a", "high");
  file(0, "b", "low");
  const auto v = view(2);
  const auto entry = must(v.find(RelPath::clean("a")));
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->layer, 1u);
  EXPECT_EQ(must(v.read_text("/a")), "high");
  EXPECT_EQ(must(v.read_text("/b")), "low");
  EXPECT_THAT(list(v, ""), ElementsAre("a", "b"));
}

TEST_F(LayerViewTest, WhiteoutHidesWhatIsBelow) {
  file(0, "d/a");
  file(0, "d/b");
  file(0, "gone/x");
  whiteout(1, "d", "a");
  whiteout(1, "", "gone");
  const auto v = view(2);
  EXPECT_FALSE(has(v, "d/a"));
  EXPECT_TRUE(has(v, "d/b"));
  EXPECT_FALSE(has(v, "gone"));
  EXPECT_FALSE(has(v, "gone/x"));
  EXPECT_THAT(list(v, "d"), ElementsAre("b"));
  EXPECT_THAT(list(v, ""), ElementsAre("d"));
  EXPECT_THAT(list(v, "gone"), IsEmpty());
}

TEST_F(LayerViewTest, WhiteoutHidesOnlyBelowItself) {
  file(0, "a", "old");
  whiteout(1, "", "a");
  file(2, "a", "again");
  EXPECT_EQ(must(view(3).read_text("a")), "again");
  EXPECT_FALSE(has(view(2), "a"));
}

TEST_F(LayerViewTest, OpaqueDirectoryHidesWhatIsBelow) {
  file(0, "d/a");
  file(0, "d/sub/b");
  file(1, "d/c");
  opaque(1, "d");
  const auto v = view(2);
  EXPECT_FALSE(has(v, "d/a"));
  EXPECT_FALSE(has(v, "d/sub"));
  EXPECT_FALSE(has(v, "d/sub/b"));
  EXPECT_THAT(list(v, "d"), ElementsAre("c"));
}

TEST_F(LayerViewTest, OpaqueDirectoryIsSeenThroughFromAbove) {
  file(0, "d/a");
  file(1, "d/b");
  opaque(1, "d");
  file(2, "d/c");
  const auto v = view(3);
  EXPECT_THAT(list(v, "d"), ElementsAre("b", "c"));
  EXPECT_FALSE(has(v, "d/a"));
}

TEST_F(LayerViewTest, OpaqueRootHidesAllLowerLayers) {
  file(0, "a");
  file(1, "b");
  opaque(1, "");
  const auto v = view(2);
  EXPECT_FALSE(has(v, "a"));
  EXPECT_THAT(list(v, ""), ElementsAre("b"));
}

TEST_F(LayerViewTest, FileHidesADirectoryBelowAndDirectoryAFile) {
  file(0, "d/a");
  file(1, "d");
  file(0, "f");
  file(1, "f/b");
  const auto v = view(2);
  EXPECT_FALSE(has(v, "d/a"));
  EXPECT_THAT(list(v, "d"), IsEmpty());
  EXPECT_THAT(list(v, "f"), ElementsAre("b"));
}

TEST_F(LayerViewTest, FileInTheMiddleCutsTheStack) {
  file(0, "d/a");
  file(1, "d");
  file(2, "d/b");
  const auto v = view(3);
  EXPECT_FALSE(has(v, "d/a"));
  EXPECT_THAT(list(v, "d"), ElementsAre("b"));
}

TEST_F(LayerViewTest, SymlinkInTheMiddleCutsTheStackAndIsNotFollowed) {
  file(0, "d/a");
  must(dir(1, "").create_symlink("d", "other"));
  file(1, "other/z");
  const auto v = view(2);
  EXPECT_FALSE(has(v, "d/a"));
  EXPECT_FALSE(has(v, "d/z"));
  EXPECT_EQ(must(v.resolve("d/z", Last::follow)).str(), "other/z");
  EXPECT_TRUE(must(v.find_resolved("/d/z")).has_value());
}

TEST_F(LayerViewTest, LinksAreResolvedAcrossLayers) {
  must(dir(0, "usr").create_symlink("abs", "/etc/../etc/conf"));
  file(1, "etc/conf", "text");
  must(dir(2, "etc").create_symlink("out", "../../../../etc/conf"));
  const auto v = view(3);
  EXPECT_EQ(must(v.read_text("usr/abs")), "text");
  EXPECT_EQ(must(v.read_text("etc/out")), "text");
  EXPECT_EQ(must(v.resolve("usr/abs", Last::keep)).str(), "usr/abs");
}

TEST_F(LayerViewTest, MergedDirectoryHasTheTopmostMetadata) {
  must(dir(0, "d").set_mode(".", 0711));
  must(dir(1, "d").set_mode(".", 0750));
  file(0, "d/a");
  const auto v = view(2);
  const auto entry = must(v.find(RelPath::clean("d")));
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(must(v.metadata(*entry)).mode, 0750u);
}

TEST_F(LayerViewTest, MetadataHasNoMarks) {
  opaque(0, "d");
  must(dir(0, "d").set_xattr(".", "user.mine", "1"));
  const auto v = view(1);
  EXPECT_EQ(must(v.metadata(*must(v.find(RelPath::clean("d"))))).xattrs,
            (os::Xattrs{{"user.mine", "1"}}));
}

TEST_F(LayerViewTest, TextOfADirectoryOrOfNothingIsNone) {
  dir(0, "d");
  EXPECT_EQ(must(view(1).read_text("d")), std::nullopt);
  EXPECT_EQ(must(view(1).read_text("absent")), std::nullopt);
}

TEST_F(LayerViewTest, DirectoryNamedThroughALinkInALayerIsNotEntered) {
  const TempDir outside;
  outside.write("secret", "s");
  must(dir(0, "").create_symlink("l", outside.path()));
  const auto v = view(1);
  EXPECT_FALSE(has(v, "l/secret"));
  EXPECT_EQ(must(v.read_text("l/secret")), std::nullopt);
  EXPECT_THAT(list(v, "l"), IsEmpty());
}

}  // namespace
}  // namespace kiln::snapshot
