// SPDX-License-Identifier: Apache-2.0
#include "archive/compression.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libdeflate.h>
#include <zstd.h>

#include <random>

#include "archive/block_compressor.h"
#include "archive/tar_test_kit.h"

namespace kiln::archive {
namespace {

using namespace std::string_literals;

// `kiln kiln`, and nothing, as bzip2 and xz write them.
constexpr std::string_view kBzip2(
    "\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\x26\x74\x16\x82\x00\x00\x01\x91\x00\x40"
    "\x00\x00\x2d\x20\x00\x21\x20\x06\x68\x35\x1c\xa6\x38\xbb\x92\x29\xc2\x84\x81\x33"
    "\xa0\xb4\x10",
    43);
constexpr std::string_view kXz(
    "\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00"
    "\x74\x2f\xe5\xa3\x01\x00\x08\x6b\x69\x6c\x6e\x20\x6b\x69\x6c\x6e\x00\x00\x00\x00"
    "\xa1\x3f\xd1\x80\x00\x01\x1d\x09\x93\x61\x36\xa6\x90\x42\x99\x0d\x01\x00\x00\x00"
    "\x00\x01\x59\x5a",
    64);
constexpr std::string_view kEmptyBzip2("\x42\x5a\x68\x39\x17\x72\x45\x38\x50\x90\x00\x00\x00\x00",
                                       14);
constexpr std::string_view kEmptyXz(
    "\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x00\x00\x00\x00\x1c\xdf\x44\x21"
    "\x90\x42\x99\x0d\x01\x00\x00\x00\x00\x01\x59\x5a",
    32);

std::string sample(std::size_t size, unsigned seed = 1) {
  std::mt19937_64 random(seed);
  std::string text;
  text.reserve(size);
  while (text.size() < size) {
    if (random() % 3 == 0) {
      text += "a line that comes again and again\n";
    } else {
      text += static_cast<char>(random());
    }
  }
  text.resize(size);
  return text;
}

std::string compressed(std::string_view text, Compression compression, int level = -1,
                       unsigned threads = 2, std::size_t piece = 100'000) {
  StringSink sink;
  const auto compressor = compress(sink, compression, level, threads);
  while (!text.empty()) {
    EXPECT_TRUE(compressor->write(as_bytes(text.substr(0, piece))).ok());
    text.remove_prefix(std::min(piece, text.size()));
  }
  EXPECT_TRUE(compressor->finish().ok());
  return sink.text();
}

Result<std::string> decompressed(std::string_view data, std::size_t piece = 1 << 20) {
  test::PiecewiseSource source(data, piece);
  auto decoder = TRY(decompress(source));
  return read_all(*decoder, std::size_t{64} << 20);
}

void expect_corrupt_data(std::string_view data, std::string_view message) {
  const auto result = decompressed(data);
  ASSERT_FALSE(result.ok()) << message;
  EXPECT_EQ(result.error().kind(), ErrorKind::corrupt);
  EXPECT_THAT(result.error().message(), testing::HasSubstr(std::string(message)));
}

TEST(Compression, IsToldByTheFirstBytes) {
  EXPECT_EQ(detect_compression(as_bytes("\x1f\x8b\x08\0\0\0"s)), Compression::gzip);
  EXPECT_EQ(detect_compression(as_bytes("\x28\xb5\x2f\xfd")), Compression::zstd);
  EXPECT_EQ(detect_compression(as_bytes("\x5a\x2a\x4d\x18")), Compression::zstd);
  EXPECT_EQ(detect_compression(as_bytes("BZh9")), Compression::bzip2);
  EXPECT_EQ(detect_compression(as_bytes("\xfd\x37zXZ\0"s)), Compression::xz);
  EXPECT_EQ(detect_compression(as_bytes("\x1f\x8b")), Compression::none);
  EXPECT_EQ(detect_compression(as_bytes("plain text")), Compression::none);
  EXPECT_EQ(detect_compression({}), Compression::none);
}

TEST(Compression, PlainBytesPassThrough) {
  const std::string text = sample(100'000);
  EXPECT_EQ(compressed(text, Compression::none), text);
  EXPECT_EQ(*decompressed(text), text);
  EXPECT_EQ(*decompressed(""), "");
  EXPECT_EQ(*decompressed("BZ", 1), "BZ");
}

class BothWays : public testing::TestWithParam<Compression> {};

TEST_P(BothWays, WhatWasCompressedComesBack) {
  constexpr std::size_t kBlock = kCompressionBlock;
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{100'000}, kBlock - 1,
                                 kBlock, kBlock + 1, 7 * kBlock / 2}) {
    const std::string text = sample(size);
    const std::string data = compressed(text, GetParam());
    EXPECT_EQ(detect_compression(as_bytes(data)), GetParam());
    EXPECT_TRUE(*decompressed(data) == text) << size;
    EXPECT_TRUE(*decompressed(data, 997) == text) << size;
  }
}

TEST_P(BothWays, BytesDependOnInputAndLevelAlone) {
  const std::string text = sample(9'500'000);
  const std::string expected = compressed(text, GetParam(), 1, 1, text.size());
  EXPECT_TRUE(compressed(text, GetParam(), 1, 2, 1'000) == expected);
  EXPECT_TRUE(compressed(text, GetParam(), 1, 3, 1'048'577) == expected);
  EXPECT_TRUE(compressed(text, GetParam(), 1, 8, text.size()) == expected);
  EXPECT_TRUE(compressed(text, GetParam(), 1, 0, text.size()) == expected);
}

TEST_P(BothWays, LevelsAreBroughtIntoRange) {
  const std::string text = sample(50'000);
  EXPECT_TRUE(*decompressed(compressed(text, GetParam(), kUsualLevel)) == text);
  EXPECT_TRUE(*decompressed(compressed(text, GetParam(), 0)) == text);
  EXPECT_TRUE(*decompressed(compressed(text, GetParam(), 1000)) == text);
}

TEST_P(BothWays, EveryCutIsNoticed) {
  const std::string data = compressed(sample(3'000), GetParam());
  for (std::size_t size = 4; size < data.size(); ++size) {
    const auto result = decompressed(std::string_view(data).substr(0, size));
    ASSERT_FALSE(result.ok()) << size;
    EXPECT_EQ(result.error().kind(), ErrorKind::corrupt);
    EXPECT_THAT(result.error().message(), testing::HasSubstr("ends too early"));
  }
}

TEST_P(BothWays, SinkErrorsComeThrough) {
  const std::string text = sample(9'500'000);
  const std::size_t whole = compressed(text, GetParam(), 1).size();
  for (const std::size_t limit : {std::size_t{0}, whole / 2, whole - 1}) {
    test::FailingSink sink(limit);
    const auto compressor = compress(sink, GetParam(), 1, 2);
    Result<void> result = compressor->write(as_bytes(text));
    if (result.ok()) result = compressor->finish();
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().kind(), ErrorKind::no_space);
  }
}

TEST_P(BothWays, SourceErrorsComeThrough) {
  const std::string data = compressed(sample(3'000'000), GetParam(), 1);
  for (const std::size_t limit : {std::size_t{0}, std::size_t{3}, data.size() / 2, data.size()}) {
    test::FailingSource source(data, limit);
    auto decoder = decompress(source);
    const auto result =
        decoder.ok() ? read_all(**decoder, 10'000'000) : Result<std::string>(decoder.error());
    ASSERT_FALSE(result.ok());
    EXPECT_EQ(result.error().message(), "source broke");
  }
}

TEST_P(BothWays, UnfinishedWorkIsDiscarded) {
  const std::string text = sample(5'000'000);
  StringSink sink;
  {
    const auto compressor = compress(sink, GetParam(), -1, 2);
    ASSERT_TRUE(compressor->write(as_bytes(text)).ok());
  }
  EXPECT_LT(sink.text().size(), text.size());
}

TEST_P(BothWays, ConcatenatedStreamsAreOne) {
  const std::string data =
      compressed("one", GetParam()) + compressed("", GetParam()) + compressed("two", GetParam());
  for (const std::size_t piece : {1, 2, 3, 1000}) EXPECT_EQ(*decompressed(data, piece), "onetwo");
}

INSTANTIATE_TEST_SUITE_P(Compressions, BothWays,
                         testing::Values(Compression::gzip, Compression::zstd),
                         [](const auto& instance) {
                           return instance.param == Compression::gzip ? "gzip" : "zstd";
                         });

TEST(Gzip, MembersNameNoTimeAndNoSystem) {
  const std::string data = compressed("text", Compression::gzip);
  EXPECT_EQ(data.substr(0, 8), "\x1f\x8b\x08\0\0\0\0\0"s);
  EXPECT_EQ(data[9], '\xff');
}

/// A member with every optional header field of RFC 1952.
std::string member_with_all_fields(std::string_view text) {
  const std::string plain = compressed(text, Compression::gzip);
  std::string header =
      "\x1f\x8b\x08\x1e\1\2\3\4\2\3"s + "\5\0extra"s + "the name\0"s + "a comment\0"s;
  const std::uint32_t crc = libdeflate_crc32(0, header.data(), header.size());
  header += static_cast<char>(crc & 0xff);
  header += static_cast<char>(crc >> 8 & 0xff);
  return header + plain.substr(10);
}

TEST(Gzip, OptionalHeaderFieldsArePassedOver) {
  const std::string data = member_with_all_fields("one") + member_with_all_fields("two");
  for (std::size_t piece = 1; piece <= data.size(); ++piece) {
    const auto result = decompressed(data, piece);
    ASSERT_TRUE(result.ok()) << piece << ": " << result.error().message();
    EXPECT_EQ(*result, "onetwo");
  }
}

TEST(Gzip, ZerosAfterTheEndAreForgivenAndNothingElse) {
  const std::string data = compressed("text", Compression::gzip);
  EXPECT_EQ(*decompressed(data + std::string(1000, '\0')), "text");
  EXPECT_EQ(*decompressed(data + std::string(1000, '\0') + data, 7), "texttext");
  expect_corrupt_data(data + "more", "something else follows its end");
  expect_corrupt_data(data + "\x1f\x8c" + std::string(20, '\0'), "bad member header");
  expect_corrupt_data(data + "\x1f\x8b\x07" + std::string(20, '\0'), "unknown compression method");
}

TEST(Gzip, ChecksumAndSizeAreVerified) {
  const std::string data = compressed("some text to be compressed", Compression::gzip);
  for (std::size_t back = 1; back <= 8; ++back) {
    std::string bad = data;
    bad[bad.size() - back] = static_cast<char>(bad[bad.size() - back] ^ 1);
    expect_corrupt_data(bad, "wrong checksum");
  }
  std::string unknown = data;
  unknown[10] = '\x07';
  expect_corrupt_data(unknown, "gzip stream: ");
}

TEST(Zstd, FramesStateTheirSize) {
  const std::string data = compressed(sample(5'000), Compression::zstd);
  EXPECT_EQ(ZSTD_getFrameContentSize(data.data(), data.size()), 5'000U);
}

TEST(Zstd, SkippableFramesArePassedOver) {
  const std::string data = "\x50\x2a\x4d\x18\3\0\0\0abc"s + compressed("text", Compression::zstd);
  EXPECT_EQ(*decompressed(data), "text");
  expect_corrupt_data(compressed("text", Compression::zstd) + "garbage", "zstd stream: ");
}

TEST(Libarchive, ReadsBzip2AndXz) {
  EXPECT_EQ(detect_compression(as_bytes(kBzip2)), Compression::bzip2);
  EXPECT_EQ(detect_compression(as_bytes(kXz)), Compression::xz);
  for (const std::size_t piece : {1, 5, 1000}) {
    EXPECT_EQ(*decompressed(kBzip2, piece), "kiln kiln");
    EXPECT_EQ(*decompressed(kXz, piece), "kiln kiln");
    EXPECT_EQ(*decompressed(kEmptyBzip2, piece), "");
    EXPECT_EQ(*decompressed(kEmptyXz, piece), "");
    EXPECT_EQ(*decompressed(std::string(kXz) + std::string(kXz), piece), "kiln kilnkiln kiln");
    EXPECT_EQ(*decompressed(std::string(kBzip2) + std::string(kBzip2), piece),
              "kiln kilnkiln kiln");
  }
}

TEST(Libarchive, RefusesWhatIsCutShortOrChanged) {
  for (const std::string_view data : {kBzip2, kXz, kEmptyBzip2, kEmptyXz}) {
    for (std::size_t size = 6; size < data.size(); ++size) {
      const auto result = decompressed(data.substr(0, size));
      ASSERT_FALSE(result.ok()) << size;
      EXPECT_EQ(result.error().kind(), ErrorKind::corrupt);
    }
    std::string bad(data);
    bad[data.size() / 2] = static_cast<char>(bad[data.size() / 2] ^ 0x55);
    EXPECT_FALSE(decompressed(bad).ok());
  }
  expect_corrupt_data(std::string(kBzip2) + "more", "bzip2 stream: something else follows its end");
  expect_corrupt_data(std::string(kBzip2) + std::string(200'000, 'm'), "bzip2 stream: ");
  expect_corrupt_data(std::string(kBzip2) + std::string(kBzip2.substr(0, 13)), "bzip2 stream: ");
  expect_corrupt_data(std::string(kXz) + "more", "xz stream: ");
  expect_corrupt_data(std::string(kXz) + std::string(kXz.substr(0, 13)), "xz stream: ");
  expect_corrupt_data("BZh9 is no bzip2", "bzip2 stream: ");
  expect_corrupt_data("\xfd\x37zXZ\0 is no xz"s, "xz stream: ");
}

TEST(Libarchive, SourceErrorsComeThrough) {
  for (const std::string_view data : {kBzip2, kXz}) {
    for (std::size_t limit = 0; limit <= data.size(); ++limit) {
      test::FailingSource source(data, limit);
      auto decoder = decompress(source);
      const auto result =
          decoder.ok() ? read_all(**decoder, 1000) : Result<std::string>(decoder.error());
      ASSERT_FALSE(result.ok()) << limit;
      EXPECT_EQ(result.error().message(), "source broke");
    }
  }
}

TEST(Compression, UsualGzipTakesWhatCannotBeCompressed) {
  std::string noise(3 << 20, '\0');
  std::uint64_t state = 1;
  for (char& byte : noise) {
    state = state * 6364136223846793005U + 1442695040888963407U;
    byte = static_cast<char>(state >> 56);
  }
  const std::string gzip = compressed(noise, Compression::gzip, kUsualLevel, 2);
  EXPECT_LT(gzip.size(), noise.size() + noise.size() / 1000);
  EXPECT_EQ(gzip, compressed(noise, Compression::gzip, kUsualLevel, 1));
  const auto again = decompressed(gzip);
  ASSERT_TRUE(again.ok());
  EXPECT_TRUE(*again == noise);
}

}  // namespace
}  // namespace kiln::archive
