// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace kiln {

using Sha256Bytes = std::array<std::uint8_t, 32>;

/// Incremental SHA-256 (FIPS 180-4). Uses the processor's SHA extensions where it has them.
class Sha256 {
 public:
  Sha256();
  Sha256(const Sha256& other);
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(const Sha256& other);
  Sha256& operator=(Sha256&&) noexcept;
  ~Sha256();

  void update(std::span<const std::byte> data);
  void update(std::string_view data);
  /// Ends the computation; the object must not be used afterwards.
  Sha256Bytes finish();

  /// Where a computation stands after whole blocks of 64 bytes, from where another can go on.
  struct Midstate {
    std::array<std::uint32_t, 8> words{};
    std::uint64_t size = 0;  ///< bytes so far
    bool operator==(const Midstate&) const = default;
  };
  /// CHECKs that the bytes so far are whole blocks.
  Midstate midstate() const;
  static Sha256 resume(const Midstate& state);

  /// `a.update(a_data)` and `b.update(b_data)`, where the processor can in little more than the
  /// time of the longer one: the one works while the other waits. `a` and `b` are two.
  static void update_pair(Sha256& a, std::span<const std::byte> a_data, Sha256& b,
                          std::span<const std::byte> b_data);

 private:
  struct State;
  void fill_block(std::span<const std::byte>& data);
  void count_blocks(std::size_t blocks, std::span<const std::byte>& data);

  std::unique_ptr<State> state_;
};

Sha256Bytes sha256(std::string_view data);
/// Lower-case hexadecimal.
std::string to_hex(std::span<const std::uint8_t> bytes);

}  // namespace kiln
