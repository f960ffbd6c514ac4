// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "os/mount.h"
#include "os/test_mounts.h"
#include "snapshot/layer_view.h"
#include "snapshot/test_random_tree.h"

namespace kiln::snapshot {
namespace {

using os::RelPath;
using os::test::must;
using os::test::TempDir;
using test::Random;
using test::TreeMaker;

/// Few names, so that layers meet.
const std::vector<std::string> kNames = {"a", "b", "c", "d"};

void collect(const os::Dir& dir, const RelPath& at, std::vector<RelPath>& out) {
  for (const auto& entry : must(dir.list())) {
    out.push_back(at / entry.name);
    if (must(dir.stat(entry.name)).type == os::FileType::directory)
      collect(must(dir.open_dir(entry.name)), at / entry.name, out);
  }
}

std::vector<std::string> kernel_list(const os::Dir& merged, const RelPath& path) {
  std::vector<std::string> names;
  const os::Dir dir = must(merged.open_dir_beneath(path));
  for (auto& entry : must(dir.list())) {
    // Overlayfs lists whiteouts in a directory that merges with nothing, but finds nothing there.
    if (must(dir.find(entry.name))) names.push_back(entry.name);
  }
  return names;
}

void compare(const LayerView& view, const os::Dir& merged, const RelPath& path) {
  SCOPED_TRACE(path.str());
  const auto real = must(merged.find_beneath(path));
  const auto ours = must(view.find(path));
  ASSERT_EQ(ours.has_value(), real.has_value());
  if (!real) {
    EXPECT_TRUE(must(view.list(path)).empty());
    return;
  }
  EXPECT_EQ(ours->info.type, real->type);
  EXPECT_EQ(ours->info.permissions, real->permissions);
  EXPECT_EQ(ours->info.uid, real->uid);
  EXPECT_EQ(ours->info.gid, real->gid);
  // The root has no time in a layer.
  if (!path.is_root()) {
    EXPECT_EQ(ours->info.mtime, real->mtime);
  }
  const os::Dir parent = must(merged.open_dir_beneath(path.parent()));
  const std::string name(path.is_root() ? "." : path.name());
  EXPECT_EQ(must(view.metadata(*ours)).xattrs, image_xattrs(must(parent.xattrs(name))));
  if (real->type == os::FileType::directory) {
    EXPECT_EQ(must(view.list(path)), kernel_list(merged, path));
  } else if (real->type == os::FileType::symlink) {
    EXPECT_EQ(must(view.read_link(*ours)), must(parent.read_link(name)));
  } else if (real->type == os::FileType::file) {
    EXPECT_EQ(ours->info.size, real->size);
    const os::Fd fd = must(view.open_file(*ours));
    EXPECT_TRUE(must(os::read_all(fd, "file", 1 << 21)) == os::test::read_file_in(parent, name));
  }
}

TEST(LayerViewAndKernel, AgreeOnEveryPathOfRandomStacks) {
  if (!os::test::why_no_mounts().empty()) GTEST_SKIP() << os::test::why_no_mounts();
  for (unsigned seed = 0; seed < 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TempDir top;
    const unsigned count = 2 + random.below(3);
    std::vector<os::Dir> lowest_first, topmost_first;
    std::vector<RelPath> paths = {RelPath()};
    for (unsigned i = 0; i < count; ++i) {
      const std::string name = "layer" + std::to_string(i);
      const os::Dir layer = top.make_dir(name);
      TreeMaker(random, {.overlay = true}).fill(layer, 3 + random.below(3), kNames);
      collect(layer, {}, paths);
      lowest_first.push_back(must(os::Dir::open(top.path(name))));
      topmost_first.insert(topmost_first.begin(), must(os::Dir::open(top.path(name))));
    }
    std::vector<const os::Dir*> lower;
    for (const auto& dir : topmost_first) lower.push_back(&dir);
    top.make_dir("merged");
    const os::Mount mount = must(os::Mount::overlay(lower, nullptr, nullptr, top.path("merged")));
    const os::Dir merged = must(os::Dir::open(top.path("merged")));
    store::OpenLayers opened;
    LayerView::Layers with_tops;
    for (unsigned i = 0; i < count; ++i) {
      const std::string name = "layer" + std::to_string(i);
      with_tops.push_back(must(opened.open(oci::DiffId::of(name), top.path(name))));
    }
    for (const LayerView& view :
         {LayerView(std::move(lowest_first)), LayerView(std::move(with_tops))}) {
      for (const auto& path : paths) {
        compare(view, merged, path);
        compare(view, merged, path / "absent");
      }
    }
    ASSERT_FALSE(HasFailure());
  }
}

// What a mount with an upper directory leaves there is the difference, and a layer of it makes the
// same file system again.
TEST(LayerViewAndKernel, AnUpperDirectoryIsALayer) {
  if (!os::test::why_no_mounts().empty()) GTEST_SKIP() << os::test::why_no_mounts();
  for (unsigned seed = 0; seed < 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TempDir top;
    const os::Dir low = top.make_dir("low"), upper = top.make_dir("upper"),
                  work = top.make_dir("work");
    TreeMaker(random, {}).fill(low, 6, kNames);
    const os::FileInfo root = must(low.stat("."));
    must(apply_metadata(upper, ".", false,
                        {root.permissions, root.uid, root.gid, root.mtime, 0,
                         image_xattrs(must(low.xattrs(".")))}));
    top.make_dir("merged");
    const os::Mount mount = must(os::Mount::overlay({&low}, &upper, &work, top.path("merged")));
    const os::Dir merged = must(os::Dir::open(top.path("merged")));
    for (int step = 0; step < 6; ++step) {
      const std::string& name = random.of(kNames);
      must(merged.remove_tree(name));
      if (random.one_in(2)) {
        must(merged.create_dir(name, 0755));
        os::test::write_file_in(must(merged.open_dir(name)), random.of(kNames), "new");
      } else if (random.one_in(2)) {
        os::test::write_file_in(merged, name, "new file");
      }
    }
    // Through the tar form and back: what another machine would have.
    const os::Dir again = top.make_dir("again");
    must(again.set_mode(".", 0755));
    must(test::untar(test::tar_of(upper), again));
    std::vector<os::Dir> stack;
    stack.push_back(must(low.open_dir(".")));
    stack.push_back(must(again.open_dir(".")));
    const LayerView view(std::move(stack));
    std::vector<RelPath> paths = {RelPath()};
    collect(low, {}, paths);
    collect(merged, {}, paths);
    for (const auto& path : paths) compare(view, merged, path);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace kiln::snapshot
