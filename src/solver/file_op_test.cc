// SPDX-License-Identifier: Apache-2.0
#include "solver/file_op.h"

#include <gmock/gmock.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <chrono>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

class CopyStep : public SolverTest {
 protected:
  /// A root file system with something in it.
  llb::VertexId image() {
    write("of-the-image", "i");
    return copy("/of-the-image", "/image/");
  }
};

using CopyCache = CopyStep;

/// What reads files before it looks the key up, and what copies them in the same pass.
constexpr std::size_t kManyFiles = 300;
constexpr std::size_t kManyBytes = (std::size_t{16} << 20) + 1;

TEST_F(CopyCache, NothingChangedHits) {
  write("d/a", "1");
  const auto target = copy("/d");
  EXPECT_FALSE(hits(target));
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, ChangedContentMisses) {
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  write("a", "2");
  const auto second = solved(target);
  EXPECT_EQ(second->outcomes[target], StepOutcome::done);
  EXPECT_EQ(read_result(*second, target, "/d/a"), "2");
}

TEST_F(CopyCache, ContentOfBeforeHitsAgain) {
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  write("a", "2");
  solved(target);
  write("a", "1");
  const auto third = solved(target);
  EXPECT_EQ(third->outcomes[target], StepOutcome::cached);
  EXPECT_EQ(read_result(*third, target, "/d/a"), "1");
}

TEST_F(CopyCache, ChangedModeMisses) {
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  fs::permissions(at("a"), fs::perms(0711));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, ChangedModeOfADirectoryInsideMisses) {
  write("d/sub/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::permissions(at("d/sub"), fs::perms(0711));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, RenamedFileMisses) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::rename(at("d/a"), at("d/b"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, RenamedMatchOfAPatternMisses) {
  write("a1", "1");
  const auto target = copy("/a*");
  solved(target);
  fs::rename(at("a1"), at("a2"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, ChangedSymlinkTargetMisses) {
  fs::create_directory(at("d"));
  fs::create_symlink("one", at("d/l"));
  const auto target = copy("/d");
  solved(target);
  fs::remove(at("d/l"));
  fs::create_symlink("two", at("d/l"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, AddedFileMisses) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  write("d/b", "");
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, RemovedFileMisses) {
  write("d/a", "1");
  write("d/b", "");
  const auto target = copy("/d");
  solved(target);
  fs::remove(at("d/b"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, AddedEmptyDirectoryMisses) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::create_directory(at("d/e"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, FileInPlaceOfAnEmptyDirectoryMisses) {
  fs::create_directories(at("d/e"));
  const auto target = copy("/d");
  solved(target);
  fs::remove(at("d/e"));
  write("d/e", "");
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, ChangedXattrMisses) {
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  if (::setxattr(at("a").c_str(), "user.kiln", "1", 1, 0) != 0)
    GTEST_SKIP() << "no user xattrs on this file system";
  EXPECT_FALSE(hits(target));
  ASSERT_EQ(::setxattr(at("a").c_str(), "user.kiln", "2", 1, 0), 0);
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, FilesThatBecomeOneFileMiss) {
  write("d/a", "1");
  write("d/b", "1");
  const auto target = copy("/d");
  solved(target);
  fs::remove(at("d/b"));
  fs::create_hard_link(at("d/a"), at("d/b"));
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, TimesDoNotMatter) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::last_write_time(at("d/a"), fs::file_time_type::clock::now() - std::chrono::hours(99));
  fs::last_write_time(at("d"), fs::file_time_type::clock::now() - std::chrono::hours(99));
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, OwnerOnTheHostDoesNotMatter) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give files away";
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  ASSERT_EQ(::chown(at("a").c_str(), 1234, 1234), 0);
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, IgnoredFilesDoNotMatter) {
  write("d/a", "1");
  write("d/ignored", "1");
  const auto target = copy(scratch(), context({"**/ignored"}), {copying("/d", "/d/")});
  solved(target);
  write("d/ignored", "2");
  EXPECT_TRUE(hits(target));
  fs::remove(at("d/ignored"));
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, FilesThatAreNotCopiedDoNotMatter) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  write("other", "2");
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, ExcludedFilesDoNotMatter) {
  write("d/a", "1");
  write("d/x", "1");
  auto action = copying("/d", "/d/");
  action.exclude = {"x"};
  const auto target = copy(scratch(), context(), {action});
  solved(target);
  write("d/x", "2");
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, ModeOfTheCopiedDirectoryItselfDoesNotMatter) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::permissions(at("d"), fs::perms(0711));
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, HardLinkElsewhereDoesNotMatter) {
  write("d/a", "1");
  const auto target = copy("/d");
  solved(target);
  fs::create_hard_link(at("d/a"), at("elsewhere"));
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyCache, OtherDestinationOwnerOrModeMisses) {
  write("a", "1");
  solved(copy("/a", "/d/"));
  EXPECT_FALSE(hits(copy("/a", "/e/")));
  auto owned = copying("/a", "/d/");
  owned.chown = "1:1";
  EXPECT_FALSE(hits(copy(scratch(), context(), {owned})));
  auto moded = copying("/a", "/d/");
  moded.chmod = "600";
  EXPECT_FALSE(hits(copy(scratch(), context(), {moded})));
}

TEST_F(CopyCache, IgnoreCacheMakesItAgain) {
  write("a", "1");
  const auto target = copy("/a");
  solved(target);
  cache = UseCache::ignore;
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, ManyFilesHitOnceTheyWereCopied) {
  for (std::size_t i = 0; i < kManyFiles; ++i) write("d/" + std::to_string(i), std::to_string(i));
  const auto target = copy("/d");
  EXPECT_FALSE(hits(target));
  EXPECT_TRUE(hits(target));
  write("d/7", "x");
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, OnePassAndReadFirstGiveOneKey) {
  write("d/big", std::string(kManyBytes, 'x'));
  write("d/small", "y");
  fs::create_hard_link(at("d/big"), at("d/zlink"));
  const auto target = copy("/d");
  solved(target);
  // Without the stat index all is unread again; with it nothing is, or only a file's other name.
  EXPECT_TRUE(hits(target));
  EXPECT_TRUE(hits(target));
  fs::remove_all(store->paths().contexts());
  fs::create_directory(store->paths().contexts());
  EXPECT_TRUE(hits(target));
}

/// A file that is written to between the scan and the copy: `write_late` runs when the step asks
/// for an owner that the image doesn't have, which is after the key was computed.
void change_after_scan(RecordingProgress& progress, const std::function<void()>& write_late) {
  progress.hook = [write_late](const ProgressEvent& event) {
    if (std::holds_alternative<StepNote>(event)) write_late();
  };
}

TEST_F(CopyCache, FileThatChangedAfterTheScanIsRecordedAsWhatWasCopied) {
  write("a", "1");
  auto action = copying("/a", "/d/");
  action.chown = "nobody-here";
  const auto target = copy(image(), context(), {action});
  Solved first;
  change_after_scan(first.progress, [&] { write("a", "2"); });
  ASSERT_TRUE(try_solve(target, first).ok());
  const std::string copied = read_result(first, target, "/d/a");
  EXPECT_EQ(copied, "2");
  // The old content must not give the layer that holds the new one.
  write("a", "1");
  EXPECT_EQ(read_result(*solved(target), target, "/d/a"), "1");
  write("a", "2");
  EXPECT_EQ(read_result(*solved(target), target, "/d/a"), "2");
}

TEST_F(CopyStep, FileThatGrewAfterTheScanIsCopiedWhole) {
  write("a", "1");
  auto action = copying("/a", "/d/");
  action.chown = "nobody-here";
  const auto target = copy(image(), context(), {action});
  Solved out;
  change_after_scan(out.progress, [&] { write("a", std::string(100000, 'x')); });
  ASSERT_TRUE(try_solve(target, out).ok());
  EXPECT_EQ(read_result(out, target, "/d/a").size(), 100000u);
}

TEST_F(CopyStep, FileThatIsGoneAfterTheScanFailsTheStep) {
  write("a", "1");
  auto action = copying("/a", "/d/");
  action.chown = "nobody-here";
  const auto target = copy(image(), context(), {action});
  Solved out;
  change_after_scan(out.progress, [&] { fs::remove(at("a")); });
  EXPECT_FALSE(try_solve(target, out).ok());
  EXPECT_EQ(layers_in_store(), 1u) << "the image's own";
}

TEST_F(CopyStep, HardLinksOfOneSourceStayOneFileAndThoseOfTwoDoNot) {
  write("d/a", "1");
  fs::create_hard_link(at("d/a"), at("d/b"));
  fs::create_hard_link(at("d/a"), at("single"));
  const auto target = copy(scratch(), context(), {copying("/d", "/x/"), copying("/single", "/x/")});
  const auto out = solved(target);
  const auto layer = out->results.at(target).layers.back();
  struct stat a{}, b{}, single{};
  const std::string root = store->paths().layer_fs(layer) + "/x/";
  ASSERT_EQ(::stat((root + "a").c_str(), &a), 0);
  ASSERT_EQ(::stat((root + "b").c_str(), &b), 0);
  ASSERT_EQ(::stat((root + "single").c_str(), &single), 0);
  EXPECT_EQ(a.st_ino, b.st_ino);
  EXPECT_NE(a.st_ino, single.st_ino);
}

TEST_F(CopyStep, MissingSourceIsNotFoundAndIgnoredOneIsHintedAt) {
  write("secret", "1");
  const Error error = failed(copy(scratch(), context({"secret"}), {copying("/secret", "/")}));
  EXPECT_EQ(error.kind(), ErrorKind::not_found);
  EXPECT_THAT(error.hint(), ::testing::HasSubstr("ignore"));
}

TEST_F(CopyStep, UnknownOwnerIsRootWithARemark) {
  write("a", "1");
  auto action = copying("/a", "/");
  action.chown = "nobody-here:nogroup-here";
  const auto out = solved(copy(image(), context(), {action}));
  EXPECT_EQ(out->progress.of<StepNote>().size(), 2u);
}

TEST_F(CopyCache, FromAStageHitsWhenItsFilesAreTheSameAgain) {
  write("a", "1");
  write("other", "1");
  const auto source = context();
  const auto base = scratch();
  const auto stage = copy(base, source, {copying("/a", "/"), copying("/other", "/")});
  const auto target = copy(base, stage, {copying("/a", "/d/")});
  solved(target);
  write("other", "2");
  const auto second = solved(target);
  EXPECT_EQ(second->outcomes[stage], StepOutcome::done);
  EXPECT_EQ(second->outcomes[target], StepOutcome::cached);
  write("a", "2");
  EXPECT_FALSE(hits(target));
}

TEST_F(CopyCache, FromAStageOwnersMatter) {
  write("a", "1");
  const auto source = context();
  const auto base = scratch();
  auto first = copying("/a", "/");
  first.chown = "1:1";
  auto second = copying("/a", "/");
  second.chown = "2:2";
  solved(copy(base, copy(base, source, {first}), {copying("/a", "/d/")}));
  EXPECT_FALSE(hits(copy(base, copy(base, source, {second}), {copying("/a", "/d/")})));
}

TEST_F(CopyStep, LinkedLayerDoesNotDependOnWhatLiesBelow) {
  write("a", "1");
  write("b", "2");
  const auto other_copy = [&](const std::string& name) { return copy("/" + name, "/base/"); };
  const auto link_onto = [&](llb::VertexId below) {
    const auto layer = copy(scratch(), context(), {copying("/a", "/link/a")});
    return graph.add({llb::MergeOp{}, {below, layer}, {}});
  };
  const auto first = link_onto(other_copy("a"));
  const auto second = link_onto(other_copy("b"));
  const auto one = solved(first), two = solved(second);
  EXPECT_EQ(one->results.at(first).layers.size(), 2u);
  EXPECT_EQ(one->results.at(first).layers.back(), two->results.at(second).layers.back());
  EXPECT_NE(one->results.at(first).layers.front(), two->results.at(second).layers.front());
  EXPECT_EQ(read_result(*two, second, "/link/a"), "1");
  EXPECT_EQ(read_result(*two, second, "/base/b"), "2");
}

TEST_F(CopyStep, NamesOfOwnersNeedAFileSystem) {
  write("a", "1");
  auto action = copying("/a", "/d/");
  action.chown = "daemon";
  const auto error = failed(copy(scratch(), context(), {action}));
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_THAT(error.message(), ::testing::HasSubstr("daemon"));
}

TEST_F(CopyStep, DirectoryOnTheWayKeepsItsOwnerAndContent) {
  write("d/sub/b", "b");
  fs::permissions(at("d"), fs::perms(0711));
  write("keep", "k");
  auto below = copying("/keep", "/d/");
  below.chown = "5:6";
  auto parents = copying("/", "/");
  parents.below = "d/sub/b";
  const auto target = copy(copy(scratch(), context(), {below}), context(), {std::move(parents)});
  const auto result = solved(target);
  const auto view = snapshot::LayerView::open(store->layers(), result->results.at(target).layers);
  ASSERT_TRUE(view.ok());
  const auto made = view->find(os::RelPath::clean("d"));
  ASSERT_TRUE(made.ok() && *made);
  EXPECT_EQ((*made)->info.permissions, 0711u);
  EXPECT_EQ((*made)->info.uid, 5u);
  EXPECT_EQ(read_result(*result, target, "/d/keep"), "k");
  EXPECT_EQ(read_result(*result, target, "/d/sub/b"), "b");
}

}  // namespace
}  // namespace kiln::solver::testing
