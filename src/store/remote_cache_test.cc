// SPDX-License-Identifier: Apache-2.0
#include "store/remote_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "os/file_io.h"
#include "os/test_temp_dir.h"

namespace kiln::store {
namespace {

using os::test::must;
using os::test::TempDir;

class RemoteCacheTest : public ::testing::Test {
 protected:
  RemoteCacheTest() {
    top_.make_dir("tmp");
    top_.make_dir("remote");
    workspace_.emplace(must(Workspace::create(paths_)));
  }
  RemoteCache cache(std::uint64_t limit = RemoteCache::kDefaultLimit) {
    return RemoteCache(paths_, *workspace_, limit);
  }
  static KeptTree keep(const RemoteCache& cache, const std::string& key, const std::string& text) {
    TreeIngest ingest = must(cache.create_tree());
    os::test::write_file_in(ingest.tree(), "f", text);
    return must(cache.keep(std::move(ingest), key));
  }
  static std::string content(const KeptTree& tree) {
    return must(os::read_file(tree.path() + "/f"));
  }
  std::size_t trees() const {
    std::size_t count = 0;
    for (const auto& entry : must(must(os::Dir::open(paths_.remote() + "/trees")).list()))
      count += entry.name.ends_with(".lock") ? 0 : 1;
    return count;
  }

  TempDir top_;
  StorePaths paths_{top_.path()};
  std::optional<Workspace> workspace_;
};

TEST_F(RemoteCacheTest, WhatIsKeptIsFoundByItsKey) {
  const RemoteCache kept = cache();
  EXPECT_FALSE(must(kept.find_tree("a")));
  EXPECT_EQ(content(keep(kept, "a", "1")), "1");
  ASSERT_TRUE(must(kept.find_tree("a")));
  EXPECT_EQ(content(*must(kept.find_tree("a"))), "1");
  EXPECT_FALSE(must(kept.find_tree("b")));
}

TEST_F(RemoteCacheTest, TheFirstOfAKeyStays) {
  const RemoteCache kept = cache();
  keep(kept, "a", "1");
  EXPECT_EQ(content(keep(kept, "a", "2")), "1");
}

TEST_F(RemoteCacheTest, ATreeInUseHoldsNobodyUp) {
  const RemoteCache kept = cache();
  const KeptTree first = keep(kept, "a", "1");
  const KeptTree second = keep(kept, "a", "2");
  const KeptTree third = *must(kept.find_tree("a"));
  EXPECT_EQ(first.path(), second.path());
  EXPECT_EQ(content(third), "1");
}

TEST_F(RemoteCacheTest, AnIngestThatIsNotKeptLeavesNothing) {
  const RemoteCache kept = cache();
  {
    const TreeIngest ingest = must(kept.create_tree());
  }
  EXPECT_TRUE(must(must(os::Dir::open(workspace_->path())).list()).empty());
}

TEST_F(RemoteCacheTest, TheLeastRecentlyUsedGoesAndWhatIsInUseStays) {
  const std::string big(std::size_t{64} << 10, 'x');
  const RemoteCache kept = cache(std::uint64_t{100} << 10);
  const auto wait = [] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); };
  {
    const KeptTree used = keep(kept, "old but in use", big);
    wait();
    keep(kept, "old", big);
    wait();
    keep(kept, "new", big);
    EXPECT_TRUE(must(kept.find_tree("old but in use")));
    EXPECT_FALSE(must(kept.find_tree("old")));
    EXPECT_EQ(content(used), big);
  }
  must(kept.trim());
  EXPECT_EQ(trees(), 1u);
}

TEST_F(RemoteCacheTest, AMirrorIsForOneAtATime) {
  const RemoteCache kept = cache();
  std::optional<Mirror> first(must(kept.open_mirror("m")));
  EXPECT_TRUE(first->is_new());
  must(os::write_file_atomically(first->path() + "/HEAD", "x"));
  std::atomic<bool> second_has_it = false;
  std::thread second([&] {
    const Mirror mirror = must(kept.open_mirror("m"));
    EXPECT_FALSE(mirror.is_new());
    second_has_it = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_FALSE(second_has_it);
  must(kept.note_size(*first));
  first.reset();
  second.join();
  EXPECT_TRUE(second_has_it);
}

TEST_F(RemoteCacheTest, Notes) {
  const RemoteCache kept = cache();
  EXPECT_FALSE(must(kept.find_note("n")));
  must(kept.put_note("n", "1"));
  must(kept.put_note("n", "2"));
  EXPECT_EQ(must(kept.find_note("n")), "2");
}

TEST_F(RemoteCacheTest, IsListedAndRemovedUnlessItIsInUse) {
  const RemoteCache cache = this->cache();
  {
    keep(cache, "one", "1");
  }
  const KeptTree two = keep(cache, "two", "2");
  const auto entries = must(cache.list());
  ASSERT_EQ(entries.size(), 2u);
  std::size_t removed = 0;
  for (const auto& entry : entries) {
    EXPECT_GT(entry.size, 0u);
    removed += must(cache.remove(entry.kind, entry.name)) ? 1 : 0;
  }
  EXPECT_EQ(removed, 1u);
  EXPECT_EQ(content(two), "2");
  EXPECT_FALSE(must(cache.find_tree("one")).has_value());
  EXPECT_TRUE(must(cache.find_tree("two")).has_value());
}

}  // namespace
}  // namespace kiln::store
