// SPDX-License-Identifier: Apache-2.0
#include "snapshot/async_hash_sink.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "os/test_temp_dir.h"
#include "snapshot/hashing_sink.h"

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

TEST(HashingSink, PassesOnWhatItHashes) {
  for (const std::size_t size : {0u, 100u, 262'144u, 262'145u, 3'000'000u}) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += static_cast<char>(i * 31 % 251);
    for (const std::size_t piece : {std::size_t{512}, std::size_t{700'000}}) {
      archive::StringSink next;
      HashingSink sink(next);
      for (std::size_t at = 0; at < text.size(); at += piece)
        os::test::must(sink.write(archive::as_bytes(std::string_view(text).substr(at, piece))));
      EXPECT_EQ(os::test::must(sink.finish()), sha256(text)) << size;
      EXPECT_TRUE(next.text() == text) << size;
    }
  }
}

TEST(AsyncHashSink, TakesBlocksBetweenBytes) {
  archive::BlockPool pool(2, 1000);
  AsyncHashSink sink;
  std::string all;
  for (int i = 0; i < 500; ++i) {
    std::shared_ptr<archive::Block> block = pool.take();
    block->assign(static_cast<std::size_t>(i) % 1000, static_cast<std::byte>(i));
    all.append(block->size(), static_cast<char>(i));
    os::test::must(sink.write_shared(archive::shared(std::move(block))));
    const std::string text = std::to_string(i);
    os::test::must(sink.write(archive::as_bytes(text)));
    all += text;
  }
  EXPECT_EQ(sink.size(), all.size());
  EXPECT_EQ(sink.finish(), sha256(all));
}

TEST(BlockPool, WaitsUntilABlockComesBack) {
  using archive::Block, archive::BlockPool;
  BlockPool pool(1, 10);
  std::shared_ptr<Block> held = pool.take();
  held->resize(10, std::byte{7});
  const Block* memory = held.get();
  std::atomic<bool> taken = false;
  std::jthread other([&] {
    const std::shared_ptr<Block> again = pool.take();
    EXPECT_EQ(again->size(), 10);
    taken = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_FALSE(taken);
  EXPECT_EQ(held.get(), memory);
  held.reset();
  other.join();
  EXPECT_TRUE(taken);
}

TEST(AsyncHashSink, ManyAtOnceAreAsEachAlone) {
  constexpr int kStreams = 7;
  std::vector<std::jthread> writers;
  for (int stream = 0; stream < kStreams; ++stream) {
    writers.emplace_back([stream] {
      const std::size_t size = 400'000 + static_cast<std::size_t>(stream) * 700'001;
      std::string text;
      for (std::size_t i = 0; i < size; ++i)
        text += static_cast<char>(i * 31 % (200 + static_cast<std::size_t>(stream)));
      const archive::Bytes bytes = archive::as_bytes(std::string_view(text));
      archive::BlockPool pool(3, 100'000);
      Sha256 also;
      AsyncHashSink sink;
      std::string all;
      for (std::size_t at = 0; at < size; at += 100'000) {
        const archive::Bytes piece = bytes.subspan(at, std::min<std::size_t>(100'000, size - at));
        const std::shared_ptr<archive::Block> block = pool.take();
        block->assign(piece.begin(), piece.end());
        sink.write_shared(archive::shared(block), &also);
        os::test::must(sink.write(piece.first(piece.size() / 3)));
        all.append(archive::as_text(piece)).append(archive::as_text(piece.first(piece.size() / 3)));
      }
      EXPECT_EQ(sink.finish(), sha256(all));
      EXPECT_EQ(also.finish(), sha256(text));
    });
  }
}

TEST(AsyncHashSink, MarksSayWhatTheDigestWas) {
  const std::string text(300'000, 'm');
  AsyncHashSink sink;
  os::test::must(sink.write(archive::as_bytes(std::string_view(text).substr(0, 64 * 4000))));
  sink.mark(12);
  os::test::must(sink.write(archive::as_bytes(std::string_view(text).substr(64 * 4000))));
  EXPECT_EQ(sink.finish(), sha256(text));
  ASSERT_EQ(sink.marks().size(), 1);
  EXPECT_EQ(sink.marks()[0].entries, 12);
  AsyncHashSink rest;
  rest.resume(sink.marks()[0].hash);
  os::test::must(rest.write(archive::as_bytes(std::string_view(text).substr(64 * 4000))));
  EXPECT_EQ(rest.finish(), sha256(text));
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
