// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/tar_test_kit.h"

namespace kiln::archive {
namespace {

using namespace std::string_literals;
using test::pax_record;
using test::RawHeader;
using test::read_members;
using test::special;
using test::trailer;
using testing::HasSubstr;

/// The only entry of `archive`, after which a trailer is put.
test::Member only_member(const std::string& archive) {
  auto members = read_members(archive + trailer());
  if (!members.ok()) {
    ADD_FAILURE() << members.error().message();
    return {};
  }
  EXPECT_EQ(members->size(), 1U);
  return members->empty() ? test::Member{} : members->front();
}

TarEntry only_entry(const std::string& archive) { return only_member(archive).entry; }

void expect_corrupt(const std::string& archive, std::string_view message) {
  const auto members = read_members(archive);
  ASSERT_FALSE(members.ok()) << message;
  EXPECT_EQ(members.error().kind(), ErrorKind::corrupt);
  EXPECT_THAT(members.error().message(), HasSubstr(std::string(message)));
}

TEST(TarReader, EndsAtTwoZeroBlocksAndReadsTheRestAway) {
  const std::string archive = RawHeader("a").text() + trailer() + std::string(200'000, 'j');
  MemorySource source(as_bytes(archive));
  TarReader reader(source);
  EXPECT_TRUE(reader.next()->has_value());
  EXPECT_FALSE(reader.next()->has_value());
  EXPECT_FALSE(reader.next()->has_value());
  std::byte byte;
  EXPECT_EQ(*source.read({&byte, 1}), 0U);
}

TEST(TarReader, EndsWithoutATrailer) {
  EXPECT_EQ(read_members("")->size(), 0U);
  EXPECT_EQ(read_members(RawHeader("a").text())->size(), 1U);
  EXPECT_EQ(read_members(RawHeader("a").text() + std::string(512, '\0'))->size(), 1U);
  EXPECT_EQ(read_members(RawHeader("a", '0', 3).text() + "abc")->size(), 1U);
}

TEST(TarReader, RefusesWhatIsCutShort) {
  expect_corrupt(RawHeader("a").text().substr(0, 511), "ends at byte 511, inside a header");
  expect_corrupt(RawHeader("a", '0', 3).text() + "ab", "header at byte 0: archive ends 1 bytes");
  expect_corrupt(special('x', pax_record("path", "p")), "after an extended header");
  expect_corrupt(special('x', pax_record("path", "p")).substr(0, 514), "inside an extended header");
  expect_corrupt(RawHeader("a").text() + std::string(512, '\0') + RawHeader("b").text(),
                 "one block of zeros");
}

TEST(TarReader, SkipsContentThatWasNotRead) {
  const std::string archive = RawHeader("a", '0', 100'000).text() +
                              test::padded(std::string(100'000, 'a')) + RawHeader("b").text() +
                              trailer();
  MemorySource source(as_bytes(archive));
  TarReader reader(source);
  EXPECT_EQ((*reader.next())->path, "a");
  std::byte some[10];
  EXPECT_EQ(*reader.read(some), 10U);
  EXPECT_EQ((*reader.next())->path, "b");
  EXPECT_EQ(*reader.read(some), 0U);
}

TEST(TarReader, ChecksumsMayBeSignedOrUnsigned) {
  RawHeader header("\xff\xfe");
  std::string block = header.text();
  EXPECT_EQ(only_entry(block).path, "\xff\xfe");
  const HeaderChecksum sum = header_checksum(block.data());
  EXPECT_EQ(sum.as_signed, static_cast<std::int32_t>(sum.as_unsigned) - 512);
  block.replace(kChecksum.offset, 8, fmt::format("{:06o}", sum.as_signed) + "\0 "s);
  EXPECT_EQ(only_entry(block).path, "\xff\xfe");
  block[0] = 'x';
  expect_corrupt(block, "header at byte 0: bad checksum");
}

TEST(TarReader, UstarPrefixComesBeforeTheName) {
  EXPECT_EQ(only_entry(RawHeader("name").set(kPrefix, "a/b").text()).path, "a/b/name");
  const std::string full(155, 'p');
  EXPECT_EQ(only_entry(RawHeader("name").set(kPrefix, full).text()).path, full + "/name");
  // GNU and star keep times where the prefix, or its end, is in ustar.
  EXPECT_EQ(
      only_entry(
          RawHeader("name").set(kMagic, kGnuMagicAndVersion).set(kPrefix, "14524770400").text())
          .path,
      "name");
  EXPECT_EQ(only_entry(RawHeader("name")
                           .set(kPrefix, std::string(131, 'p') + "14524770400")
                           .set(kStarTrailer, "tar\0"s)
                           .text())
                .path,
            std::string(131, 'p') + "/name");
}

TEST(TarReader, OldHeadersTellDirectoriesByTheSlash) {
  const TarEntry directory = only_entry(RawHeader("old/", '\0', 512).set(kMagic, "").text());
  EXPECT_EQ(directory.type, EntryType::directory);
  EXPECT_EQ(directory.path, "old");
  EXPECT_EQ(directory.size, 0U);
  EXPECT_EQ(only_entry(RawHeader("old", '\0').set(kMagic, "").text()).type, EntryType::file);
}

TEST(TarReader, UnknownTypesAreFiles) {
  for (const char type : {'7', 'A', 'Z', '8', '\x7f'}) {
    const test::Member member = only_member(RawHeader("f", type, 3).text() + test::padded("abc"));
    EXPECT_EQ(member.entry.type, EntryType::file);
    EXPECT_EQ(member.content, "abc");
  }
}

TEST(TarReader, LinksAndDirectoriesHaveNoContentWhateverTheirSizeSays) {
  for (const char type : {'1', '2', '3', '4', '5', '6'}) {
    const auto members =
        read_members(RawHeader("l", type, 1024).text() + RawHeader("next").text() + trailer());
    ASSERT_TRUE(members.ok()) << type;
    ASSERT_EQ(members->size(), 2U) << type;
    EXPECT_EQ(members->front().entry.size, 0U);
  }
}

TEST(TarReader, GnuDumpDirectoriesLabelsAndVolumes) {
  const auto members =
      read_members(RawHeader("label", 'V').text() + RawHeader("d/", 'D', 3).text() +
                   test::padded("Yf\0"s) + RawHeader("f").text() + trailer());
  ASSERT_TRUE(members.ok());
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ(members->front().entry.type, EntryType::directory);
  EXPECT_EQ(members->front().entry.path, "d");
  EXPECT_EQ(members->front().entry.size, 0U);

  const auto continued = read_members(RawHeader("f", 'M').text() + trailer());
  EXPECT_EQ(continued.error().kind(), ErrorKind::unsupported);
}

TEST(TarReader, ModeIsMasked) {
  EXPECT_EQ(only_entry(RawHeader("f").set(kMode, "0104755").text()).mode, 04755U);
}

TEST(TarReader, NumbersComeWithBlanksOrInBase256) {
  EXPECT_EQ(only_entry(RawHeader("f").set(kUid, "  1750 \0"s).text()).uid, 01750U);
  EXPECT_EQ(only_entry(RawHeader("f").set(kUid, "\0 17\0"s).text()).uid, 017U);
  EXPECT_EQ(only_entry(RawHeader("f").set(kUid, "12345670").text()).uid, 012345670U);
  EXPECT_EQ(only_entry(RawHeader("f").set(kUid, "").text()).uid, 0U);
  EXPECT_EQ(only_entry(RawHeader("f").set(kUid, "\x80\0\0\0\xff\xff\xff\xff"s).text()).uid,
            0xffffffffU);
  EXPECT_EQ(only_entry(RawHeader("f").set(kMtime, std::string(12, '\xff')).text()).mtime, -1);
  EXPECT_EQ(
      only_entry(
          RawHeader("f").set(kMtime, "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe\x00"s).text())
          .mtime,
      -512);
  EXPECT_EQ(
      only_entry(RawHeader("f").set(kMtime, "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s).text())
          .mtime,
      std::numeric_limits<std::int64_t>::max());
}

TEST(TarReader, RefusesBadNumbers) {
  expect_corrupt(RawHeader("f").set(kUid, "12x").text(), "bad user or group number");
  expect_corrupt(RawHeader("f").set(kGid, "\x80\0\0\1\0\0\0\0"s).text(), "bad user or group");
  expect_corrupt(RawHeader("f").set(kGid, std::string(8, '\xff')).text(), "bad user or group");
  expect_corrupt(RawHeader("f").set(kMode, "9").text(), "bad mode");
  expect_corrupt(RawHeader("f").set(kSize, std::string(12, '\xff')).text(), "bad size");
  expect_corrupt(RawHeader("f").set(kSize, "\x80" + std::string(11, '\xff')).text(), "bad size");
  expect_corrupt(RawHeader("f").set(kMtime, "later").text(), "bad modification time");
  expect_corrupt(RawHeader("f", '3').set(kDeviceMajor, "x").text(), "bad device number");
}

TEST(TarReader, AbsurdSizesAllocateNothing) {
  const std::string size = "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff"s;
  expect_corrupt(RawHeader("f").set(kSize, size).text() + "few bytes", "bytes too early");
  for (const char type : {'x', 'g', 'L', 'K'}) {
    expect_corrupt(RawHeader("f", type).set(kSize, size).text(), "more than 1 MiB");
  }
  expect_corrupt(RawHeader("f", 'V').set(kSize, size).text(), "bytes too early");
  expect_corrupt(
      special('x', pax_record("size", "9223372036854775807")) + RawHeader("f").text() + "few",
      "bytes too early");
  expect_corrupt(special('x', pax_record("size", "9223372036854775808")) + RawHeader("f").text(),
                 "bad size");
}

TEST(TarReader, GnuLongNamesAndLinks) {
  const std::string name(300, 'n');
  const std::string target(5000, 't');
  const TarEntry entry = only_entry(special('L', name + '\0') + special('K', target + '\0') +
                                    RawHeader("cut", '2').set(kLinkName, "cut").text());
  EXPECT_EQ(entry.path, name);
  EXPECT_EQ(entry.link_target, target);
  const std::string longest((1 << 20) - 1, 'n');
  EXPECT_EQ(only_entry(special('L', longest + '\0') + RawHeader("cut").text()).path, longest);
}

TEST(TarReader, PaxRecordsWinOverTheHeader) {
  const test::Member member = only_member(
      special('x', pax_record("path", "p/ä\n=") + pax_record("size", "3") +
                       pax_record("uid", "4294967295") + pax_record("gid", "3000000") +
                       pax_record("mtime", "1.25") + pax_record("hdrcharset", "BINARY") +
                       pax_record("comment", "of no account")) +
      RawHeader("cut").text() + test::padded("abc"));
  EXPECT_EQ(member.entry.path, "p/ä\n=");
  EXPECT_EQ(member.entry.uid, 4294967295U);
  EXPECT_EQ(member.entry.gid, 3000000U);
  EXPECT_EQ(member.entry.mtime, 1);
  EXPECT_EQ(member.entry.mtime_nanoseconds, 250'000'000U);
  EXPECT_EQ(member.content, "abc");

  const TarEntry link = only_entry(special('x', pax_record("linkpath", "to")) +
                                   RawHeader("l", '1').set(kLinkName, "cut").text());
  EXPECT_EQ(link.type, EntryType::hardlink);
  EXPECT_EQ(link.link_target, "to");

  const TarEntry device = only_entry(special('x', pax_record("SCHILY.devmajor", "4000000000") +
                                                      pax_record("SCHILY.devminor", "7")) +
                                     RawHeader("d", '4').text());
  EXPECT_EQ(device.device_major, 4'000'000'000U);
  EXPECT_EQ(device.device_minor, 7U);
}

TEST(TarReader, PaxRecordsHoldForOneEntryAndGlobalOnesForAll) {
  const auto members =
      read_members(special('g', pax_record("uid", "7") + pax_record("gid", "9")) +
                   special('x', pax_record("uid", "8")) + RawHeader("a").text() +
                   special('x', pax_record("uid", "")) + RawHeader("b").set(kUid, "12").text() +
                   RawHeader("c").text() + special('g', pax_record("uid", "")) +
                   RawHeader("d").text() + trailer());
  ASSERT_TRUE(members.ok());
  std::vector<std::pair<std::uint32_t, std::uint32_t>> owners;
  for (const auto& member : *members) owners.emplace_back(member.entry.uid, member.entry.gid);
  EXPECT_THAT(owners, testing::ElementsAre(std::pair(8, 9), std::pair(10, 9), std::pair(7, 9),
                                           std::pair(0, 9)));
}

TEST(TarReader, GlobalRecordsAreBounded) {
  std::string archive;
  for (int i = 0; i < 20; ++i) {
    archive += special('g', pax_record(fmt::format("KILN.{}", i), std::string(60'000, 'v')));
  }
  expect_corrupt(archive + RawHeader("a").text(), "global headers of more than 1 MiB");
}

TEST(TarReader, RefusesBadPaxRecords) {
  const std::vector<std::string> bad = {
      "path=x\n",
      "5 a=b\n",
      "7 a=b\n",
      "6 a=bc",
      "99 a=b\n",
      "99999999999999999999999 a=b\n",
      "5 =b\n",
      "5 ab\n",
      "4 a\n",
      "12",
      " 6 a=b\n",
      "7 a\0=b\n"s,
      pax_record("path", "a\0b"s),
      pax_record("linkpath", "a\0b"s),
      pax_record("size", "-1"),
      pax_record("size", "0x10"),
      pax_record("uid", "4294967296"),
      pax_record("uid", "-2"),
      pax_record("mtime", "soon"),
      pax_record("mtime", "1.5x"),
      pax_record("mtime", "9223372036854775808"),
      pax_record("SCHILY.xattr.", "v"),
      pax_record("LIBARCHIVE.xattr.user.a", "!"),
      pax_record("LIBARCHIVE.xattr.user%0", "AA"),
      pax_record("LIBARCHIVE.xattr.user%00", "AA"),
      pax_record("LIBARCHIVE.xattr.", "AA"),
  };
  for (const std::string& body : bad) {
    expect_corrupt(special('x', body) + RawHeader("f").text() + trailer(), "header at byte");
  }
}

TEST(TarReader, ExtendedAttributes) {
  const TarEntry entry =
      only_entry(special('x', pax_record("LIBARCHIVE.xattr.user.both", "bm8") +
                                  pax_record("SCHILY.xattr.user.both", "yes") +
                                  pax_record("LIBARCHIVE.xattr.user.a%20b%3d", "AP8Q") +
                                  pax_record("SCHILY.xattr.user.empty", "") +
                                  pax_record("SCHILY.xattr.user.x%3Dy%25z%", "\0\n="s)) +
                 RawHeader("f").text());
  const std::map<std::string, std::string> expected = {{"user.both", "yes"},
                                                       {"user.a b=", "\0\xff\x10"s},
                                                       {"user.empty", ""},
                                                       {"user.x=y%z%", "\0\n="s}};
  EXPECT_EQ(entry.xattrs, expected);
}

TEST(TarReader, PaxTimes) {
  const auto time = [](std::string_view text) {
    const auto parsed = parse_pax_time(text);
    return parsed ? std::pair(parsed->seconds, parsed->nanoseconds)
                  : std::pair(std::int64_t{-999}, 0U);
  };
  EXPECT_EQ(time("0"), std::pair(std::int64_t{0}, 0U));
  EXPECT_EQ(time("12."), std::pair(std::int64_t{12}, 0U));
  EXPECT_EQ(time("12.1234567899"), std::pair(std::int64_t{12}, 123'456'789U));
  EXPECT_EQ(time("-1.5"), std::pair(std::int64_t{-2}, 500'000'000U));
  EXPECT_EQ(time("-0.000000001"), std::pair(std::int64_t{-1}, 999'999'999U));
  EXPECT_EQ(time("-1.0"), std::pair(std::int64_t{-1}, 0U));
  EXPECT_EQ(time("-9223372036854775808"), std::pair(std::numeric_limits<std::int64_t>::min(), 0U));
  for (const char* bad : {"", "-", ".5", "+1", "1e3", "--1", "1.-5", "-9223372036854775809"}) {
    EXPECT_FALSE(parse_pax_time(bad)) << bad;
  }
}

TEST(TarReader, TrailingSlashesAreNotPartOfThePath) {
  EXPECT_EQ(only_entry(RawHeader("a//", '5').text()).path, "a");
  EXPECT_EQ(only_entry(RawHeader("./", '5').text()).path, ".");
  EXPECT_EQ(only_entry(RawHeader("/", '5').text()).path, "");
  EXPECT_EQ(only_entry(RawHeader("f/", '0').text()).type, EntryType::file);
}

TEST(TarReader, PiecesOfAnySizeGiveTheSame) {
  const std::string archive =
      special('L', std::string(700, 'n')) + RawHeader("a", '0', 700).text() +
      test::padded(std::string(700, 'c')) + RawHeader("b").text() + trailer();
  const auto expected = read_members(archive);
  ASSERT_TRUE(expected.ok());
  for (const std::size_t piece : {1, 7, 511, 513, 100'000}) {
    test::PiecewiseSource source(archive, piece);
    const auto members = read_members(source);
    ASSERT_TRUE(members.ok());
    EXPECT_EQ(*members, *expected);
  }
}

TEST(TarReader, SourceErrorsComeThrough) {
  const std::string archive = special('L', std::string(700, 'n')) +
                              RawHeader("a", '0', 700).text() +
                              test::padded(std::string(700, 'c')) + trailer();
  for (std::size_t limit = 0; limit <= archive.size(); limit += 100) {
    test::FailingSource source(archive, limit);
    const auto members = read_members(source);
    ASSERT_FALSE(members.ok());
    EXPECT_EQ(members.error().message(), "source broke");
  }
}

}  // namespace
}  // namespace kiln::archive
