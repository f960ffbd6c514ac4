// SPDX-License-Identifier: Apache-2.0
// The low-level functions, which OpenSSL 3 calls deprecated: the EVP ones fetch a provider and read
// a configuration file first, 2 ms that a build with nothing to do would feel.
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/sha256.h"

#include <openssl/sha.h>

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
