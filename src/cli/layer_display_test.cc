// SPDX-License-Identifier: Apache-2.0
#include "cli/layer_display.h"

#include <gtest/gtest.h>

namespace kiln::cli {
namespace {

using Direction = exporter::TransferProgress::Direction;

class LayerDisplayTest : public ::testing::Test {
 protected:
  LayerDisplay display(LayerDisplay::Terminal terminal) {
    return {[this](std::string_view text) -> Result<void> {
              out_ += text;
              return {};
            },
            terminal, [this] { return now_; }};
  }
  std::string taken() { return std::exchange(out_, {}); }

  std::string out_;
  std::chrono::steady_clock::time_point now_{std::chrono::hours(1)};
};

TEST_F(LayerDisplayTest, WithoutATerminalOnlyWhatHappensIsALine) {
  auto lines = display({});
  lines.layer("aaa", "Pulling fs layer");
  lines.transferred("aaa", Direction::down, 5, 10);
  lines.layer("aaa", "Pull complete");
  EXPECT_EQ(out_, "aaa: Pulling fs layer\naaa: Pull complete\n");
}

TEST_F(LayerDisplayTest, OnATerminalALayersLineIsRewritten) {
  auto lines = display({24, 80});
  lines.layer("aaa", "Pulling fs layer");
  lines.layer("bbb", "Pulling fs layer");
  EXPECT_EQ(taken(), "aaa: Pulling fs layer\nbbb: Pulling fs layer\n");
  lines.transferred("aaa", Direction::down, 1'500'000, 30'000'000);
  EXPECT_EQ(taken(),
            "\x1b[2A\r\x1b[2K"
            "aaa: Downloading    1.5MB/30MB\r\x1b[2B");
  lines.transferred("aaa", Direction::down, 1'600'000, 30'000'000);
  EXPECT_EQ(taken(), "") << "too soon";
  now_ += std::chrono::milliseconds(100);
  lines.transferred("bbb", Direction::up, 1'600'000, 0);
  EXPECT_EQ(taken(),
            "\x1b[1A\r\x1b[2K"
            "bbb: Pushing 1.6MB\r\x1b[1B");
  lines.layer("aaa", "Pull complete");
  EXPECT_EQ(taken(),
            "\x1b[2A\r\x1b[2K"
            "aaa: Pull complete\r\x1b[2B");
}

TEST_F(LayerDisplayTest, WhatDoesNotFitComesAsLines) {
  auto lines = display({3, 20});
  for (const char* layer : {"a", "b", "c", "d"}) lines.layer(layer, "Pulling fs layer");
  EXPECT_EQ(taken(),
            "a: Pulling fs layer\nb: Pulling fs layer\nc: Pulling fs layer\nd: Pulling fs layer\n");
  lines.transferred("a", Direction::down, 1, 2);
  EXPECT_EQ(taken(), "");
  lines.layer("a", "Pull complete of a long line");
  EXPECT_EQ(taken(), "a: Pull complete of\n");
  lines.layer("d", "Done");
  EXPECT_EQ(taken(),
            "\x1b[2A\r\x1b[2K"
            "d: Done\r\x1b[2B");
}

TEST(TransferBar, IsDockers) {
  EXPECT_EQ(transfer_bar(0, 1000, 200), "[>" + std::string(50, ' ') + "]       0B/1kB");
  EXPECT_EQ(transfer_bar(500, 1000, 200),
            "[" + std::string(25, '=') + ">" + std::string(25, ' ') + "]     500B/1kB");
  EXPECT_EQ(transfer_bar(2000, 1000, 200), "[" + std::string(50, '=') + ">]      2kB/1kB");
  EXPECT_EQ(transfer_bar(500, 1000, 100), "    500B/1kB");
  EXPECT_EQ(transfer_bar(500, 0, 200), "500B");
}

}  // namespace
}  // namespace kiln::cli
