// SPDX-License-Identifier: Apache-2.0
#include "exporter/image_result.h"

#include <gtest/gtest.h>

namespace kiln::exporter {
namespace {

constexpr TimePoint kNow{1'000'000, 5};

std::vector<BuiltStep> steps() {
  return {{"ENV A=1", std::nullopt, {}},
          {"RUN a", oci::DiffId::of("a"), {100, 0}},
          {"LABEL", std::nullopt, {}},
          {"RUN b", oci::DiffId::of("b"), {200, 7}}};
}

TEST(ImageResult, LayersAndHistoryAreAddedInOrder) {
  oci::ImageConfig base;
  base.diff_ids = {oci::DiffId::of("base")};
  base.history = {
      {.created = "2020-01-01T00:00:00Z", .created_by = "base", .author = {}, .comment = {}}};
  const auto config = finish_config(base, steps(), std::nullopt, kNow);
  ASSERT_EQ(config.diff_ids.size(), 3u);
  EXPECT_EQ(config.diff_ids[0], oci::DiffId::of("base"));
  EXPECT_EQ(config.diff_ids[2], oci::DiffId::of("b"));
  ASSERT_EQ(config.history.size(), 5u);
  EXPECT_EQ(config.history[0], base.history[0]);
  EXPECT_EQ(config.history[2].created_by, "RUN a");
  EXPECT_FALSE(config.history[2].empty_layer);
  EXPECT_TRUE(config.history[3].empty_layer);
}

TEST(ImageResult, TimesAreThoseOfTheLayers) {
  const auto config = finish_config({}, steps(), std::nullopt, kNow);
  EXPECT_EQ(config.created, format_rfc3339(200, 7));
  EXPECT_EQ(config.history[1].created, format_rfc3339(100));
  EXPECT_EQ(config.history[2].created, format_rfc3339(100));
  EXPECT_EQ(config.history[3].created, format_rfc3339(200, 7));
}

TEST(ImageResult, SourceDateEpochIsEveryNewTime) {
  oci::ImageConfig base;
  base.history = {
      {.created = "2020-01-01T00:00:00Z", .created_by = "base", .author = {}, .comment = {}}};
  const auto config = finish_config(base, steps(), 0, kNow);
  EXPECT_EQ(config.created, "1970-01-01T00:00:00Z");
  EXPECT_EQ(config.history[0].created, "2020-01-01T00:00:00Z");
  for (std::size_t i = 1; i < config.history.size(); ++i)
    EXPECT_EQ(config.history[i].created, "1970-01-01T00:00:00Z");
}

TEST(ImageResult, WithoutNewLayersTheTimeIsTheBases) {
  oci::ImageConfig base;
  base.created = "2020-01-01T00:00:00Z";
  const std::vector<BuiltStep> labels = {{"LABEL", std::nullopt, {}}};
  EXPECT_EQ(finish_config(base, labels, std::nullopt, kNow).created, base.created);
  EXPECT_EQ(finish_config(base, labels, std::nullopt, kNow),
            finish_config(base, labels, std::nullopt, {2'000'000, 0}));
}

TEST(ImageResult, WithoutAnyTimeItIsNow) {
  EXPECT_EQ(finish_config({}, {}, std::nullopt, kNow).created, format_rfc3339(1'000'000, 5));
}

}  // namespace
}  // namespace kiln::exporter
