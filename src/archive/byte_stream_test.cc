// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_stream.h"

#include <gtest/gtest.h>

#include "archive/any_archive.h"
#include "archive/fd_stream.h"
#include "archive/tar_test_kit.h"

namespace kiln::archive {
namespace {

TEST(ByteStream, ReadExactlyGathersPiecesAndRefusesAnEarlyEnd) {
  test::PiecewiseSource source("abcdefgh", 3);
  std::byte some[5];
  ASSERT_TRUE(read_exactly(source, some).ok());
  EXPECT_EQ(as_text(some), "abcde");
  const auto result = read_exactly(source, some);
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().kind(), ErrorKind::corrupt);
  EXPECT_EQ(result.error().message(), "stream ends after 3 of 5 bytes");
}

TEST(ByteStream, ReadAllStopsAtItsLimit) {
  const std::string text(200'000, 't');
  for (const std::size_t piece : {1'000, 65'536, 300'000}) {
    test::PiecewiseSource fits(text, piece);
    EXPECT_EQ(*read_all(fits, text.size()), text);
    test::PiecewiseSource exceeds(text, piece);
    EXPECT_EQ(read_all(exceeds, text.size() - 1).error().kind(), ErrorKind::invalid_input);
  }
  MemorySource empty({});
  EXPECT_EQ(*read_all(empty, 0), "");
  MemorySource unlimited(as_bytes(text));
  EXPECT_EQ(*read_all(unlimited, static_cast<std::size_t>(-1)), text);
}

TEST(ByteStream, CopyAllCountsAndReportsEitherSide) {
  const std::string text(1'000'000, 't');
  MemorySource source(as_bytes(text));
  StringSink sink;
  EXPECT_EQ(*copy_all(source, sink), text.size());
  EXPECT_EQ(sink.text(), text);

  test::FailingSource broken(text, 10);
  EXPECT_EQ(copy_all(broken, sink).error().message(), "source broke");
  MemorySource again(as_bytes(text));
  test::FailingSink full(10);
  EXPECT_EQ(copy_all(again, full).error().message(), "sink is full");
}

TEST(FdStream, PassesBytesThroughDescriptors) {
  auto pipe = os::create_pipe();
  ASSERT_TRUE(pipe.ok());
  FdSink sink(pipe->write_end, "pipe");
  ASSERT_TRUE(sink.write(as_bytes("through a pipe")).ok());
  pipe->write_end.reset();
  FdSource source(pipe->read_end, "pipe");
  EXPECT_EQ(*read_all(source, 100), "through a pipe");

  pipe->read_end.reset();
  FdSource closed(pipe->read_end, "the closed one");
  const auto result = read_all(closed, 100);
  ASSERT_FALSE(result.ok());
  EXPECT_NE(result.error().message().find("the closed one"), std::string::npos);
}

TEST(AnyArchive, ATarIsToldByItsFirstHeader) {
  const std::string header = test::RawHeader("f").text();
  EXPECT_TRUE(looks_like_tar(as_bytes(header + "more")));
  EXPECT_TRUE(looks_like_tar(as_bytes(test::RawHeader("f").set(kMagic, "").text())));
  EXPECT_FALSE(looks_like_tar(as_bytes(header).first(511)));
  EXPECT_FALSE(looks_like_tar(as_bytes(std::string(1024, '\0'))));
  EXPECT_FALSE(looks_like_tar(as_bytes(std::string(512, 'a'))));
  EXPECT_FALSE(looks_like_tar({}));
}

}  // namespace
}  // namespace kiln::archive
