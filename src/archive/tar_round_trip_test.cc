// SPDX-License-Identifier: Apache-2.0
// What is written is read back: random entries through our own reader, and through the machine's
// tar; and archives of the machine's tar, in all its formats, through our reader.
#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <random>
#include <sstream>

#include "archive/tar_reader.h"
#include "archive/tar_test_kit.h"
#include "archive/tar_writer.h"
#include "os/system.h"
#include "os/test_temp_dir.h"

namespace kiln::archive {
namespace {

using test::Member;
using test::read_members;

class RandomEntries {
 public:
  explicit RandomEntries(unsigned seed) : random_(seed) {}

  Member member() {
    TarEntry entry;
    entry.type = static_cast<EntryType>(below(7));
    entry.path = name();
    if (entry.type == EntryType::symlink || entry.type == EntryType::hardlink) {
      entry.link_target = name();
    }
    entry.mode = static_cast<std::uint32_t>(below(010000));
    entry.uid = number32();
    entry.gid = number32();
    entry.mtime = mtime();
    if (entry.type == EntryType::char_device || entry.type == EntryType::block_device) {
      entry.device_major = number32();
      entry.device_minor = number32();
    }
    for (std::uint64_t count = below(4) == 0 ? below(4) : 0; count > 0; --count) {
      entry.xattrs["user." + bytes(1 + below(30), 1)] = bytes(below(300), 0);
    }
    std::string content;
    if (entry.type == EntryType::file) content = bytes(below(3) * below(1000), 0);
    entry.size = content.size();
    return {std::move(entry), std::move(content)};
  }

 private:
  std::uint64_t below(std::uint64_t end) { return random_() % end; }
  std::uint32_t number32() { return static_cast<std::uint32_t>(random_() >> (32 + below(32))); }
  std::int64_t mtime() {
    const auto value = static_cast<std::int64_t>(random_() >> (1 + below(63)));
    return below(3) == 0 ? -1 - value : value;
  }
  std::string bytes(std::uint64_t size, unsigned lowest) {
    std::string text;
    while (text.size() < size) text += static_cast<char>(lowest + below(256 - lowest));
    return text;
  }
  std::string name() {
    // Around 100 and 256 bytes is where forms change.
    constexpr std::uint64_t kSizes[] = {1, 5, 98, 99, 100, 101, 155, 256, 300, 5000};
    std::string text = bytes(kSizes[below(std::size(kSizes))], 1);
    if (text.back() == '/') text.back() = 'x';
    return text;
  }

  std::mt19937_64 random_;
};

TEST(TarRoundTrip, RandomEntriesComeBack) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    RandomEntries random(seed);
    StringSink sink;
    TarWriter writer(sink);
    std::vector<Member> written;
    for (int i = 0; i < 50; ++i) {
      written.push_back(random.member());
      ASSERT_TRUE(writer.add(written.back().entry, written.back().content).ok());
    }
    ASSERT_TRUE(writer.finish().ok());
    const auto read = read_members(sink.text());
    ASSERT_TRUE(read.ok()) << read.error().message();
    ASSERT_EQ(*read, written) << "seed " << seed;
  }
}

/// What libarchive, and so bsdtar, makes of an archive.
std::vector<Member> members_by_libarchive(const std::string& data) {
  std::vector<Member> members;
  struct ::archive* reader = archive_read_new();
  archive_read_support_format_tar(reader);
  EXPECT_EQ(archive_read_open_memory(reader, data.data(), data.size()), ARCHIVE_OK);
  struct ::archive_entry* found = nullptr;
  int status = ARCHIVE_OK;
  while ((status = archive_read_next_header(reader, &found)) == ARCHIVE_OK) {
    Member member;
    TarEntry& entry = member.entry;
    entry.path = archive_entry_pathname(found);
    if (entry.path.ends_with('/')) entry.path.pop_back();
    const char* target = archive_entry_symlink(found);
    if (target == nullptr) target = archive_entry_hardlink(found);
    if (target != nullptr) entry.link_target = target;
    entry.mode = archive_entry_perm(found);
    entry.uid = static_cast<std::uint32_t>(archive_entry_uid(found));
    entry.gid = static_cast<std::uint32_t>(archive_entry_gid(found));
    entry.size = static_cast<std::uint64_t>(archive_entry_size(found));
    entry.mtime = archive_entry_mtime(found);
    const char* name = nullptr;
    const void* value = nullptr;
    std::size_t size = 0;
    archive_entry_xattr_reset(found);
    while (archive_entry_xattr_next(found, &name, &value, &size) == ARCHIVE_OK) {
      entry.xattrs[name] = std::string(static_cast<const char*>(value), size);
    }
    member.content.resize(entry.size);
    archive_read_data(reader, member.content.data(), member.content.size());
    members.push_back(std::move(member));
  }
  EXPECT_EQ(status, ARCHIVE_EOF) << archive_error_string(reader);
  archive_read_free(reader);
  return members;
}

TEST(TarRoundTrip, LibarchiveTakesWhatWeWrite) {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    RandomEntries random(seed);
    StringSink sink;
    TarWriter writer(sink);
    std::vector<Member> written;
    for (int i = 0; i < 50; ++i) {
      Member member = random.member();
      // Names are in the locale's encoding there, and device numbers as this machine packs them.
      for (std::string* name : {&member.entry.path, &member.entry.link_target}) {
        for (char& c : *name) c = static_cast<char>('!' + (static_cast<unsigned char>(c) % 90));
        std::ranges::replace(*name, '/', '_');
      }
      std::map<std::string, std::string> xattrs;
      for (const auto& [name, value] : member.entry.xattrs) {
        if (!value.empty()) xattrs["user." + std::to_string(name.size())] = value;
      }
      member.entry.xattrs = xattrs;
      if (member.entry.device_major > 0 || member.entry.device_minor > 0) continue;
      ASSERT_TRUE(writer.add(member.entry, member.content).ok());
      written.push_back(std::move(member));
    }
    ASSERT_TRUE(writer.finish().ok());
    std::vector<Member> read = members_by_libarchive(sink.text());
    ASSERT_EQ(read.size(), written.size());
    for (std::size_t i = 0; i < read.size(); ++i) read[i].entry.type = written[i].entry.type;
    EXPECT_EQ(read, written) << "seed " << seed;
  }
}

/// A folder for the machine's tar to work in.
class MachineTar : public testing::Test {
 protected:
  void SetUp() override {
    if (!run("tar --version | grep -q 'GNU tar'")) GTEST_SKIP() << "no GNU tar on this machine";
  }

  bool run(const std::string& script) const {
    return std::system(("cd '" + folder_.string() + "' && (" + script + ") >out 2>err").c_str()) ==
           0;
  }
  std::string contents(const std::string& name) const {
    std::ifstream file(folder_ / name, std::ios::binary);
    std::ostringstream text;
    text << file.rdbuf();
    return std::move(text).str();
  }
  void put(const std::string& name, std::string_view content) const {
    std::ofstream(folder_ / name, std::ios::binary) << content;
  }

  const os::test::TempDir top_;
  const std::filesystem::path folder_ = top_.path();
};

const Member* find_member(const std::vector<Member>& members, std::string_view path) {
  const auto it = std::ranges::find(members, path, [](const Member& m) { return m.entry.path; });
  return it == members.end() ? nullptr : &*it;
}

class MachineTarFormat : public MachineTar, public testing::WithParamInterface<const char*> {};

TEST_P(MachineTarFormat, ArchivesAreRead) {
  const std::string format = GetParam();
  const std::string deep = "tree/" + std::string(format == "v7" ? 60 : 90, 'd');
  const std::string name = deep + "/" + std::string(format == "v7" ? 20 : 95, 'n');
  ASSERT_TRUE(run("mkdir -p " + deep + " && printf 'hello\\n' >tree/file && : >tree/empty" +
                  " && chmod 4755 tree/file && ln tree/file tree/hard && ln -s file tree/soft" +
                  " && printf deep >" + name + " && touch -d @1234567890 tree/file" +
                  " && head -c 70000 /dev/zero | tr '\\0' x >tree/large" + " && tar --format=" +
                  format + " --sort=name --owner=:1234 --group=:77 -cf a.tar tree"))
      << contents("err");
  const auto members = read_members(contents("a.tar"));
  ASSERT_TRUE(members.ok()) << members.error().message();
  ASSERT_EQ(members->size(), 8U);

  const Member* file = find_member(*members, "tree/file");
  ASSERT_NE(file, nullptr);
  EXPECT_EQ(file->entry, (TarEntry{.type = EntryType::file,
                                   .path = "tree/file",
                                   .link_target = "",
                                   .mode = 04755,
                                   .uid = 1234,
                                   .gid = 77,
                                   .size = 6,
                                   .mtime = 1234567890,
                                   .xattrs = {}}));
  EXPECT_EQ(file->content, "hello\n");
  EXPECT_EQ(find_member(*members, "tree")->entry.type, EntryType::directory);
  EXPECT_EQ(find_member(*members, "tree/empty")->content, "");
  EXPECT_EQ(find_member(*members, "tree/hard")->entry.type, EntryType::hardlink);
  EXPECT_EQ(find_member(*members, "tree/hard")->entry.link_target, "tree/file");
  EXPECT_EQ(find_member(*members, "tree/soft")->entry.type, EntryType::symlink);
  EXPECT_EQ(find_member(*members, "tree/soft")->entry.link_target, "file");
  EXPECT_EQ(find_member(*members, "tree/large")->content, std::string(70000, 'x'));
  ASSERT_NE(find_member(*members, name), nullptr);
  EXPECT_EQ(find_member(*members, name)->content, "deep");
}

INSTANTIATE_TEST_SUITE_P(Formats, MachineTarFormat,
                         testing::Values("v7", "ustar", "oldgnu", "gnu", "posix"));

class MachineTarSparse : public MachineTar, public testing::WithParamInterface<const char*> {};

TEST_P(MachineTarSparse, ArchivesAreRead) {
  std::string expected(3 << 20, '\0');
  for (std::size_t at = 65536; at < expected.size(); at += 131072) {
    expected.replace(at, 4096, std::string(4096, static_cast<char>('a' + at / 131072)));
  }
  put("dense", expected);
  ASSERT_TRUE(run("cp --sparse=always dense sparse && truncate -s 9G huge && tar " +
                  std::string(GetParam()) + " --sparse -cf a.tar sparse huge dense"))
      << contents("err");
  const std::string archive = contents("a.tar");
  // A file system without holes would leave nothing to see here.
  if (archive.size() > 2 * expected.size()) GTEST_SKIP() << "no holes on this file system";
  MemorySource source(as_bytes(archive));
  TarReader reader(source);
  const auto sparse = reader.next();
  ASSERT_TRUE(sparse.ok()) << sparse.error().message();
  EXPECT_EQ((*sparse)->path, "sparse");
  EXPECT_EQ((*sparse)->size, expected.size());
  std::string content(expected.size(), 'x');
  std::size_t filled = 0;
  while (filled < content.size()) {
    const auto count = reader.read(std::as_writable_bytes(std::span(content)).subspan(filled));
    ASSERT_TRUE(count.ok());
    ASSERT_GT(*count, 0U);
    filled += *count;
  }
  EXPECT_TRUE(content == expected);
  const auto huge = reader.next();
  ASSERT_TRUE(huge.ok()) << huge.error().message();
  EXPECT_EQ((*huge)->path, "huge");
  EXPECT_EQ((*huge)->size, std::uint64_t{9} << 30);
  EXPECT_EQ((*reader.next())->path, "dense");
  EXPECT_FALSE(reader.next()->has_value());
}

INSTANTIATE_TEST_SUITE_P(Formats, MachineTarSparse,
                         testing::Values("--format=gnu", "--format=oldgnu",
                                         "--format=posix --sparse-version=0.0",
                                         "--format=posix --sparse-version=0.1",
                                         "--format=posix --sparse-version=1.0"));

TEST_F(MachineTar, TakesWhatWeWrite) {
  if (os::effective_uid() != 0) GTEST_SKIP() << "only root can give files to others";
  StringSink sink;
  TarWriter writer(sink);
  const std::string long_name = "d/" + std::string(150, 'l');
  const auto entry = [](EntryType type, std::string path, std::string target, std::uint64_t size) {
    TarEntry result;
    result.type = type;
    result.path = std::move(path);
    result.link_target = std::move(target);
    result.mode = 0750;
    result.mtime = -86400;
    result.size = size;
    return result;
  };
  ASSERT_TRUE(writer.add(entry(EntryType::directory, "d", "", 0)).ok());
  ASSERT_TRUE(writer.add(entry(EntryType::file, long_name, "", 3), "abc").ok());
  ASSERT_TRUE(writer.add(entry(EntryType::hardlink, "d/hard", long_name, 0)).ok());
  ASSERT_TRUE(writer.add(entry(EntryType::symlink, "d/soft", std::string(120, 't'), 0)).ok());
  ASSERT_TRUE(
      writer.add(entry(EntryType::file, "d/\xff\xfe", "", 600), std::string(600, 'x')).ok());
  ASSERT_TRUE(writer.add(entry(EntryType::fifo, "d/fifo", "", 0)).ok());
  ASSERT_TRUE(writer.finish().ok());
  put("a.tar", sink.text());
  ASSERT_TRUE(
      run("tar --warning=no-timestamp -xpf a.tar && test \"$(cat d/lll*)\" = abc && test d/hard "
          "-ef d/lll*"
          " && test $(stat -c %a d/hard) = 750 && test $(stat -c %Y d/hard) = -86400"
          " && test -p d/fifo && readlink d/soft | grep -qx 't\\{120\\}'"))
      << contents("err");
  EXPECT_EQ(contents("err"), "");
  EXPECT_EQ(contents("d/\xff\xfe"), std::string(600, 'x'));

  ASSERT_TRUE(run("tar --compare -f a.tar")) << contents("out") << contents("err");
}

}  // namespace
}  // namespace kiln::archive
