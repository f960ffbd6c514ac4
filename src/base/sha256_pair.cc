// SPDX-License-Identifier: Apache-2.0
#include "base/sha256_pair.h"

#include <utility>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace kiln {

#ifdef __x86_64__
namespace {

#define KILN_SHA __attribute__((target("sha,sse4.1"), always_inline)) inline

/// FIPS 180-4, 4.2.2.
alignas(16) constexpr std::uint32_t kRound[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

/// A state in the order that the round instruction wants: words a, b, e, f and c, d, g, h.
struct Halves {
  __m128i abef, cdgh;
};

KILN_SHA Halves load(const std::uint32_t* words) {
  const __m128i low = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words));
  const __m128i high = _mm_loadu_si128(reinterpret_cast<const __m128i*>(words + 4));
  const __m128i ab = _mm_shuffle_epi32(low, 0xb1);
  const __m128i ef = _mm_shuffle_epi32(high, 0x1b);
  return {_mm_alignr_epi8(ab, ef, 8), _mm_blend_epi16(ef, ab, 0xf0)};
}

KILN_SHA void store(std::uint32_t* words, const Halves& state) {
  const __m128i feba = _mm_shuffle_epi32(state.abef, 0x1b);
  const __m128i dchg = _mm_shuffle_epi32(state.cdgh, 0xb1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words), _mm_blend_epi16(feba, dchg, 0xf0));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(words + 4), _mm_alignr_epi8(dchg, feba, 8));
}

KILN_SHA void add(Halves& state, const Halves& before) {
  state.abef = _mm_add_epi32(state.abef, before.abef);
  state.cdgh = _mm_add_epi32(state.cdgh, before.cdgh);
}

__attribute__((target("sha,sse4.1"))) void compress(std::uint32_t* first,
                                                    const std::byte* first_data,
                                                    std::uint32_t* second,
                                                    const std::byte* second_data,
                                                    std::size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
  const std::byte* data[2] = {first_data, second_data};
  Halves state[2] = {load(first), load(second)};
  for (; blocks > 0; --blocks) {
    const Halves before[2] = {state[0], state[1]};
    __m128i words[2][4];
    for (int k = 0; k < 2; ++k) {
      for (int i = 0; i < 4; ++i) {
        words[k][i] = _mm_shuffle_epi8(
            _mm_loadu_si128(reinterpret_cast<const __m128i*>(data[k]) + i), big_endian);
      }
      data[k] += 64;
    }
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const __m128i round =
          _mm_load_si128(reinterpret_cast<const __m128i*>(kRound + std::ptrdiff_t{4} * i));
      // The instructions of the two alternate.
      const __m128i low[2] = {_mm_add_epi32(words[0][i % 4], round),
                              _mm_add_epi32(words[1][i % 4], round)};
      const __m128i high[2] = {_mm_shuffle_epi32(low[0], 0x0e), _mm_shuffle_epi32(low[1], 0x0e)};
      for (int k = 0; k < 2; ++k)
        state[k].cdgh = _mm_sha256rnds2_epu32(state[k].cdgh, state[k].abef, low[k]);
      for (int k = 0; k < 2; ++k)
        state[k].abef = _mm_sha256rnds2_epu32(state[k].abef, state[k].cdgh, high[k]);
      if (i >= 12) continue;
      for (int k = 0; k < 2; ++k) {
        __m128i& now = words[k][i % 4];
        const __m128i last = words[k][(i + 3) % 4];
        now = _mm_sha256msg1_epu32(now, words[k][(i + 1) % 4]);
        now = _mm_add_epi32(now, _mm_alignr_epi8(last, words[k][(i + 2) % 4], 4));
        now = _mm_sha256msg2_epu32(now, last);
      }
    }
    for (int k = 0; k < 2; ++k) add(state[k], before[k]);
  }
  store(first, state[0]);
  store(second, state[1]);
}

}  // namespace

bool can_compress_pairs() {
  return __builtin_cpu_supports("sha") && __builtin_cpu_supports("sse4.1");
}

void compress_pair(std::uint32_t* first, const std::byte* first_data, std::uint32_t* second,
                   const std::byte* second_data, std::size_t blocks) {
  compress(first, first_data, second, second_data, blocks);
}

#else

bool can_compress_pairs() { return false; }
void compress_pair(std::uint32_t*, const std::byte*, std::uint32_t*, const std::byte*,
                   std::size_t) {
  std::unreachable();
}

#endif

}  // namespace kiln
