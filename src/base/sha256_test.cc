// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <gtest/gtest.h>

namespace kiln {
namespace {

TEST(Sha256, KnownAnswers) {
  EXPECT_EQ(to_hex(sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(to_hex(sha256("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, PiecesEqualTheWhole) {
  Sha256 hash;
  hash.update("a");
  Sha256 copy = hash;
  hash.update("bc");
  EXPECT_EQ(hash.finish(), sha256("abc"));
  EXPECT_EQ(copy.finish(), sha256("a"));
}

TEST(Sha256, GoesOnFromWhereAnotherWas) {
  const std::string text(5000, 'q');
  for (const std::size_t at : {0, 64, 512, 4992}) {
    Sha256 hash;
    hash.update(std::string_view(text).substr(0, at));
    const Sha256::Midstate state = hash.midstate();
    EXPECT_EQ(state.size, at);
    Sha256 other = Sha256::resume(state);
    other.update(std::string_view(text).substr(at));
    EXPECT_EQ(other.finish(), sha256(text)) << at;
  }
}

TEST(Sha256, TwoAtOnceAreAsEachAlone) {
  std::string text;
  for (int i = 0; i < 3000; ++i) text += static_cast<char>(i * 31 + i / 256);
  const auto bytes = std::as_bytes(std::span(text));
  const std::size_t sizes[] = {0, 1, 63, 64, 65, 640, 2000};
  for (const std::size_t begins : {0, 58, 64, 100}) {
    for (const std::size_t a_size : sizes) {
      for (const std::size_t b_size : sizes) {
        const auto a_data = bytes.subspan(900, a_size), b_data = bytes.subspan(begins, b_size);
        Sha256 a, b;
        a.update(std::string(64, 'p'));
        b.update(bytes.first(begins));
        Sha256 a_alone = a, b_alone = b;
        for (int round = 0; round < 2; ++round) {
          Sha256::update_pair(a, a_data, b, b_data);
          a_alone.update(a_data);
          b_alone.update(b_data);
        }
        EXPECT_EQ(a.finish(), a_alone.finish()) << begins << " " << a_size << " " << b_size;
        EXPECT_EQ(b.finish(), b_alone.finish()) << begins << " " << a_size << " " << b_size;
      }
    }
  }
}

}  // namespace
}  // namespace kiln
