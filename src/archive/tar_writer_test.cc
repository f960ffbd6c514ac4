// SPDX-License-Identifier: Apache-2.0
#include "archive/tar_writer.h"

#include <gtest/gtest.h>

#include "archive/tar_test_kit.h"

namespace kiln::archive {
namespace {

using namespace std::string_literals;

std::string field(std::string_view block, Field where) {
  return std::string(block.substr(where.offset, where.size));
}

TarEntry file(std::string path) {
  return {.type = EntryType::file, .path = std::move(path), .link_target = {}, .xattrs = {}};
}

/// The body of the pax header that `header` begins with.
std::string pax_body(std::string_view header) {
  const auto size = field_number(header.data(), kSize);
  return std::string(header.substr(kBlockSize, static_cast<std::size_t>(*size)));
}

TEST(TarWriter, PlainEntryIsOneUstarBlock) {
  TarEntry entry = file("etc/passwd");
  entry.mode = 0100644;
  entry.uid = 1000;
  entry.gid = 8;
  entry.size = 513;
  entry.mtime = 1700000000;
  entry.mtime_nanoseconds = 999;

  const std::string header = tar_header(entry);

  const std::string expected =
      "etc/passwd"s + std::string(90, '\0') + "0000644\0"s + "0001750\0"s + "0000010\0"s +
      "00000001001\0"s + "14524770400\0"s + "011254\0 "s + "0"s + std::string(100, '\0') +
      "ustar\00000"s + std::string(64, '\0') + "0000000\0"s + "0000000\0"s + std::string(167, '\0');
  ASSERT_EQ(header.size(), 512U);
  EXPECT_EQ(header, expected);
}

TEST(TarWriter, TypesHaveTheirFlagsAndFields) {
  TarEntry entry = file("dev/x");
  entry.device_major = 8;
  entry.device_minor = 1;
  const std::vector<std::pair<EntryType, char>> flags = {
      {EntryType::file, '0'},        {EntryType::hardlink, '1'},     {EntryType::symlink, '2'},
      {EntryType::char_device, '3'}, {EntryType::block_device, '4'}, {EntryType::directory, '5'},
      {EntryType::fifo, '6'}};
  for (const auto& [type, flag] : flags) {
    entry.type = type;
    const std::string header = tar_header(entry);
    const bool device = flag == '3' || flag == '4';
    EXPECT_EQ(header[kTypeFlag.offset], flag);
    EXPECT_EQ(field(header, kDeviceMajor), device ? "0000010\0"s : "0000000\0"s) << flag;
    EXPECT_EQ(field(header, kDeviceMinor), device ? "0000001\0"s : "0000000\0"s) << flag;
    EXPECT_EQ(field_text(header.data(), kName), flag == '5' ? "dev/x/" : "dev/x");
  }
}

TEST(TarWriter, NamesOfHundredBytesNeedNoPaxHeader) {
  EXPECT_EQ(tar_header(file(std::string(100, 'n'))).size(), 512U);
  EXPECT_EQ(tar_header(file(std::string(101, 'n'))).size(), 3 * 512U);

  TarEntry directory = file(std::string(99, 'd'));
  directory.type = EntryType::directory;
  EXPECT_EQ(tar_header(directory).size(), 512U);
  directory.path += 'd';
  const std::string header = tar_header(directory);
  EXPECT_EQ(pax_body(header), "111 path=" + directory.path + "/\n");
}

TEST(TarWriter, PaxHeaderComesFirstUnderTheBaseName) {
  const std::string header = tar_header(file("usr/" + std::string(120, 'b')));
  EXPECT_EQ(header[kTypeFlag.offset], 'x');
  EXPECT_EQ(field(header, kName), "PaxHeaders.0/" + std::string(87, 'b'));
  EXPECT_EQ(field(header, kMode), "0000644\0"s);
  EXPECT_EQ(field(header, kMtime), "00000000000\0"s);
  EXPECT_TRUE(has_right_checksum(header.data()));
  EXPECT_EQ(field(std::string_view(header).substr(1024), kName), "usr/" + std::string(96, 'b'));
}

TEST(TarWriter, RecordsAreSortedByKey) {
  TarEntry entry = file(std::string(101, 'p'));
  entry.uid = 2097152;
  entry.gid = 4294967295;
  entry.size = std::uint64_t{8} << 30;
  entry.mtime = -1;
  entry.xattrs = {{"user.b", "2"}, {"user.a", "1\n\0="s}};
  const std::string header = tar_header(entry);
  EXPECT_EQ(pax_body(header),
            "28 SCHILY.xattr.user.a=1\n\0=\n"s
            "25 SCHILY.xattr.user.b=2\n"
            "18 gid=4294967295\n"
            "12 mtime=-1\n"
            "111 path=" +
                entry.path +
                "\n"
                "19 size=8589934592\n"
                "15 uid=2097152\n");
  const std::string_view own = std::string_view(header).substr(header.size() - 512);
  EXPECT_EQ(field(own, kUid), "0000000\0"s);
  EXPECT_EQ(field(own, kGid), "0000000\0"s);
  EXPECT_EQ(field(own, kSize), "00000000000\0"s);
  EXPECT_EQ(field(own, kMtime), "00000000000\0"s);
}

TEST(TarWriter, LargestUstarNumbersNeedNoPaxHeader) {
  TarEntry entry = file("f");
  entry.uid = entry.gid = 2097151;
  entry.size = (std::uint64_t{8} << 30) - 1;
  entry.mtime = 077777777777;
  const std::string header = tar_header(entry);
  ASSERT_EQ(header.size(), 512U);
  EXPECT_EQ(field(header, kUid), "7777777\0"s);
  EXPECT_EQ(field(header, kSize), "77777777777\0"s);
}

TEST(TarWriter, RecordLengthCountsItsOwnDigits) {
  for (std::size_t size = 80; size < 1100; ++size) {
    TarEntry entry = file("f");
    entry.xattrs["user.x"] = std::string(size, 'v');
    const std::string body = pax_body(tar_header(entry));
    EXPECT_EQ(body.substr(0, body.find(' ')), std::to_string(body.size()));
  }
}

TEST(TarWriter, AttributeNamesAreEscapedAsGnuTarDoes) {
  TarEntry entry = file("f");
  entry.xattrs["user.a=b%c"] = "v";
  EXPECT_EQ(pax_body(tar_header(entry)), "33 SCHILY.xattr.user.a%3Db%25c=v\n");
}

TEST(TarWriter, NamesAreWrittenRaw) {
  const std::string header = tar_header(file("\xff\xfe\x80"));
  EXPECT_EQ(field_text(header.data(), kName), "\xff\xfe\x80");
}

TEST(TarWriter, AppendingGivesTheSameBytes) {
  std::string out = "before";
  append_tar_header(out, file("f"));
  EXPECT_EQ(out, "before" + tar_header(file("f")));
}

TEST(TarWriter, PaddingFillsTheLastBlock) {
  EXPECT_EQ(tar_padding(0), 0U);
  EXPECT_EQ(tar_padding(1), 511U);
  EXPECT_EQ(tar_padding(512), 0U);
  EXPECT_EQ(tar_padding((std::uint64_t{1} << 40) + 511), 1U);
  EXPECT_EQ(tar_trailer(), std::string(1024, '\0'));
}

TEST(TarWriter, StreamIsHeadersContentAndTrailer) {
  StringSink sink;
  TarWriter writer(sink);
  TarEntry entry = file("f");
  entry.size = 3;
  ASSERT_TRUE(writer.begin(entry).ok());
  ASSERT_TRUE(writer.write_content(as_bytes("a")).ok());
  ASSERT_TRUE(writer.write_content({}).ok());
  ASSERT_TRUE(writer.write_content(as_bytes("bc")).ok());
  ASSERT_TRUE(writer.add(file("g")).ok());
  ASSERT_TRUE(writer.finish().ok());
  EXPECT_EQ(sink.text(), tar_header(entry) + test::padded("abc") + tar_header(file("g")) +
                             std::string(1024, '\0'));
}

TEST(TarWriter, SinkErrorsComeThrough) {
  TarEntry entry = file("f");
  entry.size = 100;
  const std::string content(100, 'c');
  for (const std::size_t limit : {0, 511, 512, 611, 612, 1023, 1024}) {
    test::FailingSink sink(limit);
    TarWriter writer(sink);
    Result<void> result = writer.add(entry, content);
    if (result.ok()) result = writer.finish();
    ASSERT_FALSE(result.ok()) << limit;
    EXPECT_EQ(result.error().kind(), ErrorKind::no_space);
  }
}

TEST(TarWriterDeathTest, ContentThatDoesNotMatchTheSizeIsABrokenInvariant) {
  StringSink sink;
  TarEntry entry = file("f");
  entry.size = 2;
  EXPECT_DEATH((void)TarWriter(sink).add(entry, "abc"), "");
  EXPECT_DEATH(
      {
        TarWriter writer(sink);
        (void)writer.begin(entry);
        (void)writer.finish();
      },
      "");
  EXPECT_DEATH((void)tar_header(file("a\0b"s)), "");
}

}  // namespace
}  // namespace kiln::archive
