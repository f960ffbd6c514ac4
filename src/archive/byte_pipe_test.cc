// SPDX-License-Identifier: Apache-2.0
#include "archive/byte_pipe.h"

#include <gtest/gtest.h>

#include <thread>

namespace kiln::archive {
namespace {

TEST(BytePipe, CarriesMoreThanItHolds) {
  std::string text(100'000, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i % 253);
  BytePipe pipe(1000);
  std::jthread writer([&] {
    Result<void> outcome;
    for (std::size_t at = 0; at < text.size() && outcome.ok(); at += 777) {
      outcome = pipe.sink().write(as_bytes(std::string_view(text).substr(at, 777)));
    }
    pipe.finish(outcome);
  });
  const auto got = read_all(pipe.source(), 1 << 20);
  ASSERT_TRUE(got.ok());
  EXPECT_EQ(*got, text);
}

TEST(BytePipe, SharedBytesAreNotCopiedAndComeBack) {
  BytePipe pipe(100);
  const auto block = std::make_shared<std::string>(150, 'b');
  const Bytes bytes = as_bytes(*block);
  ASSERT_TRUE(pipe.sink().write_shared({bytes, block}).ok());
  EXPECT_EQ(block.use_count(), 2);
  std::byte buffer[100];
  EXPECT_EQ(*pipe.source().read(buffer), 100U);
  EXPECT_EQ(block.use_count(), 2);
  EXPECT_EQ(*pipe.source().read(buffer), 50U);
  EXPECT_EQ(block.use_count(), 1);
  ASSERT_TRUE(pipe.sink().write_shared({bytes, block}).ok());
  pipe.abandon(corrupt("enough"));
  EXPECT_EQ(block.use_count(), 1);
  EXPECT_FALSE(pipe.sink().write_shared({bytes, block}).ok());
}

TEST(BytePipe, TheReaderGetsTheWritersErrorAfterWhatCame) {
  BytePipe pipe(100);
  ASSERT_TRUE(pipe.sink().write(as_bytes("abc")).ok());
  pipe.finish(corrupt("broke"));
  std::byte buffer[10];
  EXPECT_EQ(*pipe.source().read(buffer), 3U);
  const auto end = pipe.source().read(buffer);
  ASSERT_FALSE(end.ok());
  EXPECT_EQ(end.error().message(), "broke");
}

TEST(BytePipe, AWaitingWriterGetsTheReadersError) {
  BytePipe pipe(10);
  std::jthread reader([&] { pipe.abandon(corrupt("enough")); });
  const auto written = pipe.sink().write(as_bytes(std::string(BytePipe::kPiece + 1, 'x')));
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().message(), "enough");
}

}  // namespace
}  // namespace kiln::archive
