// SPDX-License-Identifier: Apache-2.0
#include "snapshot/squash.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "os/test_temp_dir.h"
#include "snapshot/layer_view.h"
#include "snapshot/test_random_tree.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

using os::RelPath;
using os::test::must;
using os::test::TempDir;
using test::Random;
using test::TreeMaker;

class SquashTest : public ::testing::Test {
 protected:
  template <typename Fill>
  oci::DiffId layer(const Fill& fill) {
    store::LayerIngest ingest = must(store_.layers().create());
    fill(ingest.fs());
    return commit(std::move(ingest));
  }
  oci::DiffId commit(store::LayerIngest ingest) {
    const TreeDigest tree = must(digest_tree(ingest.fs()));
    must(store_.layers().commit(
        std::move(ingest),
        {tree.diff_id, tree.stats.tar_size, tree.stats.content_size, tree.stats.disk_size, {}}));
    return tree.diff_id;
  }
  LayerView view(const std::vector<oci::DiffId>& layers) {
    return must(LayerView::open(store_.layers(), layers));
  }
  /// The one layer, which is what its directory says it is.
  oci::DiffId squash(const std::vector<oci::DiffId>& layers, std::size_t keep) {
    const store::LayerInfo info = must(squash_layers(store_, layers, keep, {}));
    const TreeDigest tree = must(digest_tree(must(store_.layers().open_fs(info.diff_id))));
    EXPECT_EQ(tree.diff_id, info.diff_id);
    EXPECT_EQ(tree.stats.tar_size, info.tar_size);
    return info.diff_id;
  }

  TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

void expect_same(const LayerView& a, const LayerView& b, const RelPath& path) {
  SCOPED_TRACE(path.str());
  const auto one = must(a.find(path)), other = must(b.find(path));
  ASSERT_TRUE(one && other);
  ASSERT_EQ(one->info.type, other->info.type);
  const Metadata left = must(a.metadata(*one)), right = must(b.metadata(*other));
  EXPECT_EQ(left.mode, right.mode);
  EXPECT_EQ(left.uid, right.uid);
  EXPECT_EQ(left.gid, right.gid);
  EXPECT_EQ(left.xattrs, right.xattrs);
  if (!path.is_root()) {
    EXPECT_EQ(left.mtime, right.mtime);
  }
  EXPECT_EQ(one->info.rdev_minor, other->info.rdev_minor);
  if (one->info.type == os::FileType::directory) {
    std::vector<std::string> names;
    // A socket is in no layer that leaves the store.
    for (auto& name : must(a.list(path))) {
      if (must(a.find(path / name))->info.type != os::FileType::socket) names.push_back(name);
    }
    ASSERT_EQ(names, must(b.list(path)));
    for (const auto& name : names) expect_same(a, b, path / name);
  } else if (one->info.type == os::FileType::symlink) {
    EXPECT_EQ(must(a.read_link(*one)), must(b.read_link(*other)));
  } else if (one->info.type == os::FileType::file) {
    EXPECT_TRUE(must(os::read_all(must(a.open_file(*one)), "a", 1 << 21)) ==
                must(os::read_all(must(b.open_file(*other)), "b", 1 << 21)));
  }
}

TEST_F(SquashTest, OfRandomStacksTheFileSystemStays) {
  const std::vector<std::string> names = {"a", "b", "c", "d"};
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    std::vector<oci::DiffId> layers;
    const unsigned count = 2 + random.below(4);
    for (unsigned i = 0; i < count; ++i)
      layers.push_back(layer([&](const os::Dir& fs) {
        TreeMaker(random, {.overlay = true}).fill(fs, 3 + random.below(3), names);
        if (i > 0 || !must(fs.find_xattr(".", kOpaqueXattr))) return;
        must(fs.remove_xattr(".", kOpaqueXattr));
      }));
    const std::size_t keep = random.below(count);
    std::vector<oci::DiffId> squashed(layers.begin(),
                                      layers.begin() + static_cast<std::ptrdiff_t>(keep));
    squashed.push_back(squash(layers, keep));
    expect_same(view(layers), view(squashed), {});
    ASSERT_FALSE(HasFailure());
  }
}

TEST_F(SquashTest, HidesOnlyWhatIsThereBelow) {
  const auto base = layer([](const os::Dir& fs) { os::test::write_file_in(fs, "old", "1"); });
  const auto first = layer([](const os::Dir& fs) { os::test::write_file_in(fs, "new", "2"); });
  const auto second = layer([](const os::Dir& fs) {
    must(fs.create_whiteout("old"));
    must(fs.create_whiteout("new"));
  });
  const os::Dir fs = must(store_.layers().open_fs(squash({base, first, second}, 1)));
  const auto entries = must(fs.list());
  ASSERT_EQ(entries.size(), 1u);
  EXPECT_EQ(entries[0].name, "old");
  EXPECT_TRUE(must(fs.stat("old")).is_whiteout());
}

TEST_F(SquashTest, HardLinksStayWithinTheirLayer) {
  const auto first = layer([](const os::Dir& fs) {
    os::test::write_file_in(fs, "a", "text");
    must(fs.create_hardlink("b", fs, "a"));
    must(fs.create_hardlink("c", fs, "a"));
  });
  const auto second = layer([](const os::Dir& fs) { must(fs.create_whiteout("a")); });
  const os::Dir fs = must(store_.layers().open_fs(squash({first, second}, 0)));
  EXPECT_FALSE(must(fs.find("a")));
  EXPECT_EQ(must(fs.stat("b")).links, 2u);
  EXPECT_EQ(must(fs.stat("b")).inode, must(fs.stat("c")).inode);
}

}  // namespace
}  // namespace kiln::snapshot
