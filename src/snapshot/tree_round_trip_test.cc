// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "snapshot/test_random_tree.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;
using test::describe;
using test::Random;
using test::tar_of;
using test::TreeMaker;
using test::untar;

/// Copies a tree by other means and in another order: same files, other inodes.
void copy_shuffled(const os::Dir& from, const os::Dir& to, Random& random,
                   std::map<std::uint64_t, std::pair<os::Dir, std::string>>& links) {
  auto entries = must(from.list());
  random.shuffle(entries);
  for (const auto& entry : entries) {
    const std::string& name = entry.name;
    const os::FileInfo info = must(from.stat(name));
    const os::Xattrs xattrs = must(from.xattrs(name));
    if (info.is_whiteout()) {
      must(to.create_whiteout(name));
      continue;
    }
    const auto first = links.find(info.inode);
    if (first != links.end()) {
      must(to.create_hardlink(name, first->second.first, first->second.second));
      continue;
    }
    switch (info.type) {
      case os::FileType::directory:
        must(to.create_dir(name, 0700));
        copy_shuffled(must(from.open_dir(name)), must(to.open_dir(name)), random, links);
        if (is_opaque(xattrs)) must(to.set_xattr(name, kOpaqueXattr, "y"));
        break;
      case os::FileType::symlink:
        must(to.create_symlink(name, must(from.read_link(name))));
        break;
      case os::FileType::fifo:
        must(to.create_fifo(name, 0600));
        break;
      case os::FileType::file:
        write_file_in(to, name, os::test::read_file_in(from, name));
        break;
      default:
        must(to.create_device(name, info.type, 0600, info.rdev_major, info.rdev_minor));
    }
    // Another fraction of a second: it is not in the stream.
    must(apply_metadata(to, name, info.type == os::FileType::symlink,
                        {info.permissions, info.uid, info.gid, info.mtime,
                         random.below(1'000'000'000), image_xattrs(xattrs)}));
    if (info.type != os::FileType::directory && info.links > 1)
      links.emplace(info.inode, std::pair(must(to.open_dir(".")), name));
  }
}

TEST(TreeRoundTrip, RandomTreesComeOutAsTheyWentIn) {
  for (unsigned seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TempDir top;
    const os::Dir first = top.make_dir("first");
    TreeMaker(random, {.overlay = true}).fill(first, 2 + random.below(9), test::odd_names());
    const std::string tar = tar_of(first);

    const os::Dir second = top.make_dir("second");
    must(second.set_mode(".", 0755));
    const auto unpacked = untar(tar, second);
    ASSERT_TRUE(unpacked.ok()) << unpacked.error().message();
    ASSERT_EQ(describe(first), describe(second));
    ASSERT_TRUE(tar == tar_of(second)) << "layer, tar, layer gives other bytes";
  }
}

TEST(TreeRoundTrip, DiffIdDependsOnTheTreeAlone) {
  for (unsigned seed = 1000; seed < 1060; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TempDir top;
    const os::Dir first = top.make_dir("first");
    TreeMaker(random, {.overlay = true}).fill(first, 2 + random.below(9), test::odd_names());
    const os::Dir second = top.make_dir("second");
    std::map<std::uint64_t, std::pair<os::Dir, std::string>> links;
    copy_shuffled(first, second, random, links);
    const os::FileInfo root = must(first.stat("."));
    must(apply_metadata(
        second, ".", false,
        {root.permissions, root.uid, root.gid, 77, 7, image_xattrs(must(first.xattrs(".")))}));
    ASSERT_EQ(describe(first), describe(second));
    const auto a = must(digest_tree(first)), b = must(digest_tree(second));
    ASSERT_EQ(a.diff_id, b.diff_id);
    ASSERT_EQ(a.stats.tar_size, b.stats.tar_size);
    ASSERT_EQ(a.stats.content_size, b.stats.content_size);
    ASSERT_EQ(oci::DiffId::of(tar_of(first)), a.diff_id);
  }
}

using Members = std::vector<std::pair<archive::TarEntry, std::string>>;

Members members_of(const std::string& tar) {
  Members out;
  archive::MemorySource source(archive::as_bytes(tar));
  archive::TarReader reader(source);
  while (const auto entry = must(reader.next())) {
    std::string content(entry->size, '\0');
    std::span<std::byte> rest = std::as_writable_bytes(std::span(content));
    while (!rest.empty()) rest = rest.subspan(must(reader.read(rest)));
    out.emplace_back(*entry, std::move(content));
  }
  EXPECT_TRUE(reader.canonical());
  return out;
}

std::string tar_of(const Members& members) {
  archive::StringSink sink;
  archive::TarWriter writer(sink);
  for (const auto& [entry, content] : members) must(writer.add(entry, content));
  must(writer.finish());
  return sink.text();
}

/// One small change that an archive of another maker might have.
void change(Members& members, Random& random) {
  const auto any = [&] { return random.below(static_cast<unsigned>(members.size())); };
  archive::TarEntry& entry = members[any()].first;
  switch (random.below(9)) {
    case 0:
      return std::swap(members[any()], members[any()]);
    case 1:
      members.erase(members.begin() + any());
      return;
    case 2: {
      auto twice = members[any()];
      members.insert(members.begin() + any(), std::move(twice));
      return;
    }
    case 3:
      entry.path.insert(0, "./");
      return;
    case 4:
      entry.mode ^= 0100;
      return;
    case 5:
      entry.mtime += 1;
      return;
    case 6:
      if (!entry.link_target.empty()) entry.link_target.insert(0, "./");
      return;
    case 7:
      if (entry.type == archive::EntryType::file || entry.type == archive::EntryType::directory)
        entry.xattrs["user.overlay.opaque"] = "y";
      return;
    default:
      entry.path += "0";
  }
}

TEST(TreeRoundTrip, UnpackingKnowsWhetherTheStreamIsTheTreesOwn) {
  unsigned own = 0, others = 0, open = 0;
  for (unsigned seed = 3000; seed < 3400; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed);
    const TempDir top;
    const os::Dir first = top.make_dir("first");
    TreeMaker(random, {.overlay = true}).fill(first, 2 + random.below(9), test::odd_names());
    Members members = members_of(tar_of(first));
    if (members.empty()) continue;
    // Times that every file system has, mostly.
    if (!random.one_in(4)) {
      for (auto& member : members) member.first.mtime &= 0x3fffffff;
    }
    const unsigned changes = random.below(3);
    for (unsigned i = 0; i < changes && !members.empty(); ++i) change(members, random);
    std::string tar = tar_of(members);
    if (random.one_in(8)) tar.append(512, '\0');

    const os::Dir second = top.make_dir("second");
    must(second.set_mode(".", 0755));
    const auto unpacked = untar(tar, second);
    if (!unpacked) continue;
    const TreeDigest made = must(digest_tree(second));
    if (unpacked->canonical) {
      EXPECT_EQ(*unpacked->canonical, made.diff_id == oci::DiffId::of(tar));
      (*unpacked->canonical ? own : others) += 1;
    } else {
      ++open;
    }
    if (unpacked->content_size) {
      EXPECT_EQ(*unpacked->content_size, made.stats.content_size);
    }
    if (unpacked->disk_size) {
      // A file system that allocates when it writes back may take a few blocks more by then.
      EXPECT_NEAR(static_cast<double>(*unpacked->disk_size),
                  static_cast<double>(made.stats.disk_size), 4 * 4096);
    }
  }
  EXPECT_GT(own, 50U);
  EXPECT_GT(others, 20U);
  EXPECT_GT(open, 50U);
}

TEST(TreeRoundTrip, HolesStayHoles) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  const os::Fd fd = must(from.create_file("sparse", 0644));
  must(os::resize_file(fd, std::uint64_t{16} << 20, "sparse"));
  must(os::write_at(fd, std::as_bytes(std::span("x")), 9'000'000, "sparse"));
  must(untar(tar_of(from), to));
  EXPECT_EQ(must(to.stat("sparse")).size, std::uint64_t{16} << 20);
  EXPECT_LT(must(to.stat("sparse")).allocated, std::uint64_t{2} << 20);
}

TEST(TreeRoundTrip, PathsLongerThanTheKernelTakesAtOnce) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  os::Dir at = must(from.open_dir("."));
  for (int i = 0; i < 30; ++i) {  // 30 * 201 > PATH_MAX
    const std::string name(200, static_cast<char>('a' + i % 26));
    must(at.create_dir(name, 0755));
    at = must(at.open_dir(name));
  }
  write_file_in(at, "deepest", "x");
  const std::string tar = tar_of(from);
  const auto unpacked = untar(tar, to);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().message().substr(0, 60) << " … "
                             << unpacked.error().message().substr(
                                    unpacked.error().message().size() - 40);
  EXPECT_TRUE(tar == tar_of(to));
}

// In a container `..` stops at the root, so such links work there and images have them.
TEST(TreeRoundTrip, SymlinksWithMoreDotsThanDirectoriesAreKept) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  must(from.create_symlink("link", "../../../etc/motd"));
  const std::string tar = tar_of(from);
  const auto unpacked = untar(tar, to);
  ASSERT_TRUE(unpacked.ok()) << unpacked.error().message();
  EXPECT_TRUE(tar == tar_of(to));
}

TEST(TreeRoundTrip, WhiteoutOfTheLongestName) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  const std::string name(255, 'w');
  must(from.create_whiteout(name));
  must(untar(tar_of(from), to));
  EXPECT_TRUE(must(to.stat(name)).is_whiteout());
}

TEST(TreeRoundTrip, HardLinkedSymlinksAndFifosStayLinked) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  must(from.create_symlink("s1", "t"));
  must(from.create_hardlink("s2", from, "s1"));
  must(from.create_fifo("p1", 0600));
  must(from.create_hardlink("p2", from, "p1"));
  must(untar(tar_of(from), to));
  EXPECT_EQ(must(to.stat("s1")).inode, must(to.stat("s2")).inode);
  EXPECT_EQ(must(to.stat("p1")).inode, must(to.stat("p2")).inode);
}

TEST(TreeRoundTrip, ManyXattrsAndLargeOnesAreKept) {
  const TempDir top;
  const os::Dir from = top.make_dir("from"), to = top.make_dir("to");
  write_file_in(from, "f", "x");
  for (int i = 0; i < 8; ++i)
    must(from.set_xattr("f", fmt::format("user.{}{}", std::string(150, 'k'), i),
                        std::string(200, 'v')));
  must(from.set_xattr("f", "user.empty", ""));
  must(untar(tar_of(from), to));
  EXPECT_EQ(must(from.xattrs("f")), must(to.xattrs("f")));
}

}  // namespace
}  // namespace kiln::snapshot
