// SPDX-License-Identifier: Apache-2.0
#include "snapshot/async_hash_sink.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"

namespace kiln::snapshot {
namespace {

TEST(AsyncHashSink, GivesTheDigestOfAllBytesInOrder) {
  std::string text;
  for (int i = 0; i < 700'000; ++i) text += std::to_string(i);  // several blocks
  for (const std::size_t piece :
       {std::size_t{999}, std::size_t{512 * 1024}, std::size_t{3'000'000}}) {
    AsyncHashSink sink;
    for (std::size_t at = 0; at < text.size(); at += piece)
      os::test::must(sink.write(archive::as_bytes(std::string_view(text).substr(at, piece))));
    EXPECT_EQ(sink.size(), text.size());
    EXPECT_EQ(sink.finish(), sha256(text)) << piece;
  }
}

TEST(AsyncHashSink, OfNothingIsTheEmptyDigest) {
  AsyncHashSink sink;
  EXPECT_EQ(sink.finish(), sha256(""));
}

TEST(AsyncHashSink, MayBeDroppedUnfinished) {
  for (int i = 0; i < 20; ++i) {
    AsyncHashSink sink;
    os::test::must(
        sink.write(archive::as_bytes(std::string(static_cast<std::size_t>(i) * 200'000, 'x'))));
  }
}

}  // namespace
}  // namespace kiln::snapshot
