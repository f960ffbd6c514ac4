// SPDX-License-Identifier: Apache-2.0
#include "os/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <vector>

namespace kiln::os {
namespace {

TEST(Parallel, EveryIndexIsWorkedOnOnce) {
  for (const std::size_t count : {0, 1, 7, 64, 1000}) {
    std::vector<std::atomic<int>> seen(count);
    ASSERT_TRUE(for_each_part(count, 8, [&](std::size_t begin, std::size_t end) -> Result<void> {
                  for (; begin < end; ++begin) ++seen[begin];
                  return {};
                }).ok());
    for (const auto& times : seen) EXPECT_EQ(times, 1);
  }
}

TEST(Parallel, TheFirstPartsErrorIsReturned) {
  const auto done = for_each_part(1000, 1, [](std::size_t begin, std::size_t) -> Result<void> {
    return invalid_input(begin == 0 ? "first" : "later");
  });
  ASSERT_FALSE(done.ok());
  EXPECT_EQ(done.error().message(), "first");
}

}  // namespace
}  // namespace kiln::os
