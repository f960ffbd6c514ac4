// SPDX-License-Identifier: Apache-2.0
#include "exporter/cache_mount_archive.h"

#include <gmock/gmock.h>

#include "exporter/exporter_test_kit.h"

namespace kiln::exporter::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// An archive with what begins one.
struct Marked : Tar {
  Marked() { file("kiln-cache-mounts.json", R"({"version":1})"); }
};

class CacheMountArchive : public ExporterTest {
 protected:
  static store::CacheMountLease use(store::Store& of, const std::string& id,
                                    const std::string& variant = {}) {
    store::CacheMountRequest request;
    request.id = id;
    request.variant = variant;
    request.use = store::CacheMountUse::shared;
    return of.cache_mounts().acquire(request, {}).value();
  }
  std::string exported(store::Store& of) {
    archive::StringSink sink;
    const auto done = write_cache_mounts(of, of.cache_mounts().list().value(), sink);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message());
    if (done.ok()) transfer = *done;
    return sink.text();
  }
  Result<CacheMountTransfer> import(store::Store& into, std::string_view text) {
    archive::MemorySource source(archive::as_bytes(text));
    return read_cache_mounts(into, source);
  }
  /// The importing fails and changes nothing.
  std::string refusal(std::string_view text) {
    {
      std::ofstream(use(*store, "kept").path() + "/f") << "old";
    }
    const auto done = import(*store, text);
    EXPECT_EQ(read(use(*store, "kept").path() + "/f"), "old");
    EXPECT_EQ(store->cache_mounts().list()->size(), 1u);
    EXPECT_FALSE(fs::exists(folder + "/escaped"));
    return done.ok() ? "none" : done.error().message();
  }
  static std::string read(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  CacheMountTransfer transfer;
};

TEST_F(CacheMountArchive, IsTheSameContentInAnotherStore) {
  {
    const auto lease = use(*store, "one", "7:7:755");
    std::ofstream(lease.path() + "/f") << "x";
    std::ofstream(lease.path() + "/.wh.odd") << "a name";
    fs::create_hard_link(lease.path() + "/f", lease.path() + "/g");
    fs::create_directory(lease.path() + "/d");
    fs::create_symlink("/etc/passwd", lease.path() + "/d/link");
    fs::permissions(lease.path() + "/f", fs::perms(0751));
    fs::permissions(lease.path(), fs::perms(0700));
  }
  {
    std::ofstream(use(*store, "two").path() + "/f") << "y";
  }
  const auto other = open_store("other");
  ASSERT_TRUE(import(*other, exported(*store)).ok());
  EXPECT_EQ(other->cache_mounts().list()->size(), 2u);
  const std::string path = use(*other, "one", "7:7:755").path();
  EXPECT_EQ(read(path + "/f"), "x");
  EXPECT_EQ(read(path + "/.wh.odd"), "a name");
  EXPECT_TRUE(fs::equivalent(path + "/f", path + "/g"));
  EXPECT_EQ(fs::read_symlink(path + "/d/link"), "/etc/passwd");
  EXPECT_EQ(fs::status(path + "/f").permissions(), fs::perms(0751));
  EXPECT_EQ(fs::status(path).permissions(), fs::perms(0700));
  EXPECT_EQ(read(use(*other, "two").path() + "/f"), "y");
}

TEST_F(CacheMountArchive, ReplacesWhatIsThere) {
  {
    std::ofstream(use(*store, "one").path() + "/f") << "new";
  }
  const std::string archive = exported(*store);
  const auto other = open_store("other");
  {
    const auto lease = use(*other, "one");
    std::ofstream(lease.path() + "/f") << "old";
    std::ofstream(lease.path() + "/gone") << "old";
  }
  ASSERT_TRUE(import(*other, archive).ok());
  const std::string path = use(*other, "one").path();
  EXPECT_EQ(read(path + "/f"), "new");
  EXPECT_FALSE(fs::exists(path + "/gone"));
}

TEST_F(CacheMountArchive, WhatAStepUsesStaysAndIsLeftOut) {
  {
    std::ofstream(use(*store, "one").path() + "/f") << "new";
  }
  const std::string archive = exported(*store);
  const auto lease = use(*store, "one");
  std::ofstream(lease.path() + "/f") << "in use";
  exported(*store);
  EXPECT_THAT(transfer.done, IsEmpty());
  EXPECT_THAT(transfer.in_use, ElementsAre("one"));
  const auto done = import(*store, archive);
  ASSERT_TRUE(done.ok());
  EXPECT_THAT(done->in_use, ElementsAre("one"));
  EXPECT_EQ(read(lease.path() + "/f"), "in use");
}

TEST_F(CacheMountArchive, AnyTarBecomesTheContentOfACache) {
  const std::string text = Tar().file("d/f", "x").text();
  archive::MemorySource source(archive::as_bytes(text));
  ASSERT_TRUE(read_cache_mount(*store, "seed", source).ok());
  EXPECT_EQ(read(use(*store, "seed").path() + "/d/f"), "x");
}

TEST_F(CacheMountArchive, HostileArchivesAreRefusedAndLeaveNothingOutside) {
  const std::string record = R"({"id":"kept","variant":""})";
  EXPECT_THAT(refusal("no tar at all"), HasSubstr("tar"));
  EXPECT_THAT(refusal(Tar().file("a", "b").text()), HasSubstr("kiln-cache-mounts.json"));
  EXPECT_THAT(refusal(Marked().file("000000/fs/../../../escaped", "x").text()),
              HasSubstr("leads outside"));
  EXPECT_THAT(refusal(Marked().file("/escaped", "x").text()), HasSubstr("absolute"));
  EXPECT_THAT(
      refusal(Marked().file("000000/record.json", record).symlink("000000/fs", folder).text()),
      HasSubstr("no directory 000000/fs"));
  EXPECT_THAT(refusal(Marked().file("000000/record.json", record).file("000000/fs", "").text()),
              HasSubstr("no directory 000000/fs"));
  EXPECT_THAT(refusal(Marked().symlink("000000/record.json", "/etc/passwd").text()),
              HasSubstr("no file 000000/record.json"));
  EXPECT_THAT(refusal(Marked().file("000000/record.json", "[").text()), HasSubstr("record.json"));
  EXPECT_THAT(refusal(Marked().file("other", "").text()), HasSubstr("does not belong"));
  EXPECT_THAT(refusal(Tar().file("kiln-cache-mounts.json", R"({"version":9})").text()),
              HasSubstr("version"));
  // A link is content: what is below its name is made inside.
  const std::string through = Marked()
                                  .file("000000/record.json", R"({"id":"new","variant":""})")
                                  .file("000000/fs/f", "x")
                                  .symlink("000000/fs/out", "../../../../../..")
                                  .file("000000/fs/out/escaped", "x")
                                  .text();
  (void)import(*store, through).ok();
  EXPECT_FALSE(fs::exists(folder + "/escaped"));
  EXPECT_FALSE(fs::exists("/escaped"));
}

}  // namespace
}  // namespace kiln::exporter::testing
