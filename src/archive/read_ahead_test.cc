// SPDX-License-Identifier: Apache-2.0
#include "archive/read_ahead.h"

#include <gtest/gtest.h>

#include <string>

#include "os/test_temp_dir.h"

namespace kiln::archive {
namespace {

using os::test::must;

/// Never ends.
class Endless final : public ByteSource {
 public:
  Result<std::size_t> read(MutableBytes into) override {
    into[0] = std::byte{1};
    return std::size_t{1} + (into.size() - 1) / 2;
  }
};

class Broken final : public ByteSource {
 public:
  Result<std::size_t> read(MutableBytes into) override {
    if (given_) return corrupt("broken here");
    given_ = true;
    into[0] = std::byte{'x'};
    return std::size_t{1};
  }

 private:
  bool given_ = false;
};

TEST(ReadAhead, GivesAllInOrder) {
  std::string text;
  for (int i = 0; i < 2'000'000; ++i) text += std::to_string(i);
  MemorySource source(as_bytes(text));
  ReadAhead ahead(source);
  EXPECT_TRUE(must(read_all(ahead, text.size())) == text);
}

TEST(ReadAhead, GivesTheErrorAfterWhatCameBeforeIt) {
  Broken source;
  ReadAhead ahead(source);
  std::byte into[10];
  EXPECT_EQ(must(ahead.read(into)), 1U);
  const auto failed = ahead.read(into);
  ASSERT_FALSE(failed.ok());
  EXPECT_EQ(failed.error().message(), "broken here");
}

TEST(ReadAhead, CanBeLeftInTheMiddle) {
  Endless source;
  ReadAhead ahead(source);
  std::byte into[10];
  must(ahead.read(into));
}

}  // namespace
}  // namespace kiln::archive
