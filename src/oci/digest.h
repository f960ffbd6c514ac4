// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <compare>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"

namespace kiln::oci {

/// `sha256:` and 64 lower-case hexadecimal digits (OCI image spec, descriptor.md, "Digests").
/// What is digested is part of the type: one kind never stands for another by accident.
template <typename Kind>
class BasicDigest {
 public:
  /// All zeros: no digest of anything.
  BasicDigest() : hex_(64, '0') {}
  explicit BasicDigest(const Sha256Bytes& bytes) : hex_(to_hex(bytes)) {}
  /// Kind invalid_input unless it is exactly `sha256:<64 hex digits>`.
  static Result<BasicDigest> parse(std::string_view text) {
    if (!text.starts_with("sha256:") || text.size() != 71 ||
        text.substr(7).find_first_not_of("0123456789abcdef") != std::string_view::npos)
      return invalid_input("invalid digest: " + std::string(text.substr(0, 128)));
    BasicDigest out;
    out.hex_ = text.substr(7);
    return out;
  }
  static BasicDigest of(std::string_view content) { return BasicDigest(sha256(content)); }

  const std::string& hex() const { return hex_; }
  std::string str() const { return "sha256:" + hex_; }
  /// The first twelve digits, as docker shows an ID.
  std::string short_hex() const { return hex_.substr(0, 12); }
  auto operator<=>(const BasicDigest&) const = default;

 private:
  std::string hex_;
};

/// Of a blob: the bytes as they are stored and transferred.
using Digest = BasicDigest<struct BlobDigestKind>;
/// Of a layer's uncompressed tar stream (image spec, config.md, "Layer DiffID").
using DiffId = BasicDigest<struct DiffIdKind>;
/// Of a stack of layers (image spec, config.md, "Layer ChainID").
using ChainId = BasicDigest<struct ChainIdKind>;

/// The chain ID of a stack of layers, lowest first; of no layers, all zeros.
ChainId chain_id(const std::vector<DiffId>& layers);

}  // namespace kiln::oci
