// SPDX-License-Identifier: Apache-2.0
// The low-level functions, which OpenSSL 3 calls deprecated: the EVP ones fetch a provider and read
// a configuration file first, 2 ms that a build with nothing to do would feel.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

#include <openssl/sha.h>

#include <algorithm>

#include "base/check.h"
#include "base/sha256_pair.h"

namespace kiln {

struct Sha256::State {
  SHA256_CTX context;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::Sha256(const Sha256& other) : state_(std::make_unique<State>(*other.state_)) {}
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(const Sha256& other) {
  *state_ = *other.state_;
  return *this;
}
Sha256& Sha256::operator=(Sha256&&) noexcept = default;
Sha256::~Sha256() = default;

void Sha256::update(std::span<const std::byte> data) {
  SHA256_Update(&state_->context, data.data(), data.size());
}

void Sha256::update(std::string_view data) {
  SHA256_Update(&state_->context, data.data(), data.size());
}

Sha256Bytes Sha256::finish() {
  Sha256Bytes out;
  SHA256_Final(out.data(), &state_->context);
  return out;
}

Sha256::Midstate Sha256::midstate() const {
  const SHA256_CTX& context = state_->context;
  CHECK(context.num == 0);
  Midstate out;
  std::ranges::copy(context.h, out.words.begin());
  out.size = ((std::uint64_t{context.Nh} << 32) | context.Nl) / 8;
  return out;
}

Sha256 Sha256::resume(const Midstate& state) {
  CHECK(state.size % SHA256_CBLOCK == 0);
  Sha256 out;
  SHA256_CTX& context = out.state_->context;
  std::ranges::copy(state.words, context.h);
  context.Nl = static_cast<SHA_LONG>(state.size * 8);
  context.Nh = static_cast<SHA_LONG>((state.size * 8) >> 32);
  return out;
}

void Sha256::update_pair(Sha256& a, std::span<const std::byte> a_data, Sha256& b,
                         std::span<const std::byte> b_data) {
  if (can_compress_pairs()) {
    a.fill_block(a_data);
    b.fill_block(b_data);
    const std::size_t blocks = std::min(a_data.size(), b_data.size()) / SHA256_CBLOCK;
    if (blocks > 0) {
      compress_pair(a.state_->context.h, a_data.data(), b.state_->context.h, b_data.data(), blocks);
      a.count_blocks(blocks, a_data);
      b.count_blocks(blocks, b_data);
    }
  }
  a.update(a_data);
  b.update(b_data);
}

/// Takes off `data` what the block that was begun lacks.
void Sha256::fill_block(std::span<const std::byte>& data) {
  const std::size_t begun = state_->context.num;
  if (begun == 0) return;
  const std::size_t count = std::min(data.size(), SHA256_CBLOCK - begun);
  update(data.first(count));
  data = data.subspan(count);
}

/// Takes off `data` the blocks that were compressed.
void Sha256::count_blocks(std::size_t blocks, std::span<const std::byte>& data) {
  SHA256_CTX& context = state_->context;
  const std::size_t size = blocks * SHA256_CBLOCK;
  const std::uint64_t bits =
      ((std::uint64_t{context.Nh} << 32) | context.Nl) + std::uint64_t{size} * 8;
  context.Nl = static_cast<SHA_LONG>(bits);
  context.Nh = static_cast<SHA_LONG>(bits >> 32);
  data = data.subspan(size);
}

Sha256Bytes sha256(std::string_view data) {
  Sha256 hash;
  hash.update(data);
  return hash.finish();
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (std::uint8_t b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

}  // namespace kiln
