// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "archive/sparse_map.h"
#include "archive/tar_reader.h"
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

void expect_corrupt_sparse(const std::string& archive, std::string_view message) {
  const auto members = read_members(archive + trailer());
  ASSERT_FALSE(members.ok()) << message;
  EXPECT_EQ(members.error().kind(), ErrorKind::corrupt);
  EXPECT_THAT(members.error().message(), HasSubstr(std::string(message)));
}

void expect_file(const std::string& archive, std::string_view path, const std::string& content) {
  const auto members = read_members(archive + RawHeader("next").text() + trailer());
  ASSERT_TRUE(members.ok()) << members.error().message();
  ASSERT_EQ(members->size(), 2U);
  EXPECT_EQ(members->front().entry.path, path);
  EXPECT_EQ(members->front().entry.type, EntryType::file);
  EXPECT_EQ(members->front().entry.size, content.size());
  EXPECT_EQ(members->front().content, content);
}

/// `table` is the header's offset and length numbers in turn, 12 bytes each.
RawHeader gnu_header(std::string_view table, std::uint64_t stored, std::uint64_t real,
                     std::string_view more = "") {
  RawHeader header("sparse", 'S', stored);
  header.set(kMagic, kGnuMagicAndVersion).set(kGnuSparse, table);
  header.set({kGnuSparse.offset + kGnuSparse.size, 1}, more);
  return header.set(kGnuRealSize, fmt::format("{:011o}", real));
}

std::string numbers(std::initializer_list<std::uint64_t> values) {
  std::string table;
  for (const std::uint64_t value : values) table += fmt::format("{:011o}", value) + '\0';
  return table;
}

std::string pax_0_1(std::string_view map, std::string_view real_size) {
  return special('x', pax_record("GNU.sparse.major", "0") + pax_record("GNU.sparse.minor", "1") +
                          pax_record("GNU.sparse.map", map) +
                          pax_record("GNU.sparse.size", real_size) +
                          pax_record("GNU.sparse.name", "sparse"));
}

std::string pax_1_0(std::string_view real_size) {
  return special('x', pax_record("GNU.sparse.major", "1") + pax_record("GNU.sparse.minor", "0") +
                          pax_record("GNU.sparse.realsize", real_size) +
                          pax_record("GNU.sparse.name", "sparse"));
}

std::string file_of(std::string_view content) {
  return RawHeader("GNUSparseFile.0/x", '0', content.size()).text() + test::padded(content);
}

TEST(SparseFile, OldGnuFormat) {
  expect_file(gnu_header(numbers({2, 3, 10, 1}), 4, 12).text() + test::padded("abcd"), "sparse",
              "\0\0abc\0\0\0\0\0d\0"s);
  expect_file(gnu_header(numbers({5, 0}), 0, 5).text(), "sparse", std::string(5, '\0'));
  expect_file(gnu_header("", 0, 5).text(), "sparse", std::string(5, '\0'));
  expect_file(gnu_header("", 0, 0).text(), "sparse", "");
}

TEST(SparseFile, OldGnuFormatGoesOnInMoreBlocks) {
  std::string table;
  std::string content;
  std::string expected;
  for (std::uint64_t i = 0; i < 4 + 21 + 5; ++i) {
    table += numbers({i * 10, 2});
    content += "ab";
    expected += "ab" + std::string(8, '\0');
  }
  const std::string first = table.substr(0, kGnuSparse.size);
  std::string second = table.substr(first.size(), kGnuMoreSparse.size);
  const std::string third = table.substr(first.size() + second.size());
  second.resize(kBlockSize);
  second[kGnuMoreSparse.size] = '\1';
  expect_file(gnu_header(first, content.size(), expected.size(), "\1").text() + second +
                  test::padded(third) + test::padded(content),
              "sparse", expected);
  expect_corrupt_sparse(gnu_header(first, content.size(), 300, "\1").text() + second, "sparse map");
}

TEST(SparseFile, PaxFormat00) {
  expect_file(
      special('x',
              pax_record("GNU.sparse.size", "7") + pax_record("GNU.sparse.numblocks", "2") +
                  pax_record("GNU.sparse.offset", "1") + pax_record("GNU.sparse.numbytes", "2") +
                  pax_record("GNU.sparse.offset", "5") + pax_record("GNU.sparse.numbytes", "1")) +
          file_of("abc"),
      "GNUSparseFile.0/x", "\0ab\0\0c\0"s);
}

TEST(SparseFile, PaxFormat01) {
  expect_file(pax_0_1("1,2,5,1", "7") + file_of("abc"), "sparse", "\0ab\0\0c\0"s);
  expect_file(pax_0_1("", "7") + file_of(""), "sparse", std::string(7, '\0'));
}

TEST(SparseFile, PaxFormat10) {
  expect_file(pax_1_0("7") + file_of(test::padded("2\n1\n2\n5\n1\n") + "abc"), "sparse",
              "\0ab\0\0c\0"s);
  expect_file(pax_1_0("7") + file_of(test::padded("0\n")), "sparse", std::string(7, '\0'));
}

TEST(SparseFile, PaxFormat10MapCrossesBlocks) {
  std::string map = "200\n";
  std::string content;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    map += fmt::format("{}\n5\n", i * 100);
    content += fmt::format("{:05}", i);
    expected += fmt::format("{:05}", i) + std::string(95, '\0');
  }
  expect_file(pax_1_0("20000") + file_of(test::padded(map) + content), "sparse", expected);
}

TEST(SparseFile, RefusesMapsOutOfOrderOrBounds) {
  const std::string out_of_bounds = "sparse map out of order or bounds";
  expect_corrupt_sparse(pax_0_1("5,2,1,1", "7") + file_of("abc"), out_of_bounds);
  expect_corrupt_sparse(pax_0_1("1,3,3,1", "7") + file_of("abcd"), out_of_bounds);
  expect_corrupt_sparse(pax_0_1("6,2", "7") + file_of("ab"), out_of_bounds);
  expect_corrupt_sparse(pax_0_1("8,0", "7") + file_of(""), out_of_bounds);
  expect_corrupt_sparse(pax_0_1("1,18446744073709551615", "7") + file_of("ab"), out_of_bounds);
  expect_corrupt_sparse(pax_0_1("18446744073709551615,2", "7") + file_of("ab"), out_of_bounds);
  expect_corrupt_sparse(
      pax_0_1("9223372036854775807,9223372036854775807", "9223372036854775807") + file_of("ab"),
      out_of_bounds);
  expect_corrupt_sparse(gnu_header(numbers({2, 3, 4, 1}), 4, 12).text() + test::padded("abcd"),
                        out_of_bounds);
}

TEST(SparseFile, RefusesMapsThatDoNotMatchTheContent) {
  expect_corrupt_sparse(pax_0_1("1,2", "7") + file_of("a"), "doesn't match the size");
  expect_corrupt_sparse(pax_0_1("1,2", "7") + file_of("abc"), "doesn't match the size");
  expect_corrupt_sparse(pax_1_0("7") + file_of(test::padded("1\n0\n5\n") + "abc"),
                        "doesn't match the size");
}

TEST(SparseFile, RefusesMapsThatAreNone) {
  for (const char* map : {"1", "1,2,", "1,2,3", ",", "1,,2", "a,b", "-1,2", "1,2 ", "1 ,2"}) {
    expect_corrupt_sparse(pax_0_1(map, "7") + file_of("ab"), "bad sparse map");
  }
  for (const char* map : {"x\n", "\n", "1\n\n", "-1\n", "1\n1\n99999999999999999999\n", "1048577\n",
                          "99999999999999999999999999"}) {
    expect_corrupt_sparse(pax_1_0("7") + file_of(test::padded(map)), "bad sparse map");
  }
  expect_corrupt_sparse(pax_1_0("7") + file_of("1\n1\n1\n"), "content ends inside a sparse map");
  expect_corrupt_sparse(pax_1_0("7") + file_of("1\n" + std::string(510, '1')), "bad sparse map");
  expect_corrupt_sparse(
      pax_1_0("7") + file_of("1\n" + std::string(19, '1') + "\n" + std::string(490, '0')),
      "bad sparse map");
  expect_corrupt_sparse(pax_0_1("1,2", "-7") + file_of("ab"), "bad size of a sparse file");
  expect_corrupt_sparse(
      gnu_header(numbers({2, 3}), 3, 12).set(kMagic, kPosixMagicAndVersion).text(),
      "bad size of a sparse file");
  expect_corrupt_sparse(gnu_header("x          \0000000000001\0"s, 3, 12).text(), "bad sparse map");
  expect_corrupt_sparse(special('x', pax_record("GNU.sparse.offset", "1")) + file_of("ab"),
                        "pax sparse record out of order");
  expect_corrupt_sparse(
      special('x', pax_record("GNU.sparse.numbytes", "1") + pax_record("GNU.sparse.offset", "1")) +
          file_of("ab"),
      "pax sparse record out of order");
  expect_corrupt_sparse(special('x', pax_record("GNU.sparse.offset", "1,2") +
                                         pax_record("GNU.sparse.numbytes", "1")) +
                            file_of("ab"),
                        "pax sparse record out of order");
  expect_corrupt_sparse(pax_0_1("0,0", "7") + RawHeader("d", '5').text(), "isn't a file");
}

TEST(SparseFile, UnknownFormatsAreUnsupported) {
  const auto members = read_members(
      special('x', pax_record("GNU.sparse.major", "2") + pax_record("GNU.sparse.minor", "0")) +
      file_of("ab"));
  ASSERT_FALSE(members.ok());
  EXPECT_EQ(members.error().kind(), ErrorKind::unsupported);
}

TEST(SparseFile, HolesCostNothingUntilTheyAreRead) {
  const std::string archive =
      pax_0_1("68719476735,1", "68719476736") + file_of("z") + RawHeader("next").text() + trailer();
  MemorySource source(as_bytes(archive));
  TarReader reader(source);
  EXPECT_EQ((*reader.next())->size, 68719476736U);
  std::byte some[100];
  EXPECT_EQ(*reader.read(some), 100U);
  EXPECT_EQ(reader.skip_hole(), 68719476635U);
  EXPECT_EQ(reader.skip_hole(), 0U);
  EXPECT_EQ(*reader.read(some), 1U);
  EXPECT_EQ(some[0], std::byte('z'));
  EXPECT_EQ(*reader.read(some), 0U);
  EXPECT_EQ(reader.skip_hole(), 0U);
  EXPECT_EQ((*reader.next())->path, "next");
  EXPECT_EQ(reader.skip_hole(), 0U);
}

TEST(SparseFile, HolesOfAnArchiveAreBounded) {
  const std::string too_much = "more than 64 GiB of holes";
  expect_corrupt_sparse(pax_0_1("0,1", "68719476738") + file_of("z"), too_much);
  expect_corrupt_sparse(pax_0_1("9223372036854775806,1", "9223372036854775807") + file_of("z"),
                        too_much);
  const std::string half = pax_0_1("0,1", "34359738369") + file_of("z");
  const std::string archive = half + half + pax_0_1("1,1", "2") + file_of("z") + trailer();
  MemorySource source(as_bytes(archive));
  TarReader reader(source);
  ASSERT_TRUE(reader.next().ok());
  ASSERT_TRUE(reader.next().ok());
  const auto third = reader.next();
  ASSERT_FALSE(third.ok());
  EXPECT_THAT(third.error().message(), HasSubstr(too_much));
}

TEST(SparseFile, ContentThatIsCutShort) {
  const auto members =
      read_members(pax_0_1("1,2,5,600", "700") + RawHeader("f", '0', 602).text() + "abc");
  ASSERT_FALSE(members.ok());
  EXPECT_THAT(members.error().message(), HasSubstr("archive ends 599 bytes too early"));
}

TEST(SparseMap, RunsAreBounded) {
  std::vector<SparseRun> runs(kMaxSparseRuns);
  std::string table = numbers({0, 0});
  EXPECT_FALSE(append_gnu_runs(table.data(), {0, 24}, runs));
}

}  // namespace
}  // namespace kiln::archive
