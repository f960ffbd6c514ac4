// SPDX-License-Identifier: Apache-2.0
#include "registry/blob_verifier.h"

#include <fmt/format.h>

#include "base/strings.h"

namespace kiln::registry {
namespace {

/// `bytes FIRST-LAST/SIZE` → FIRST (RFC 9110, 14.4).
std::optional<std::uint64_t> first_of_range(const std::string* header) {
  if (header == nullptr) return std::nullopt;
  std::string_view text = trim(*header);
  if (!text.starts_with("bytes ")) return std::nullopt;
  text.remove_prefix(6);
  return parse_uint(trim(text.substr(0, text.find('-'))));
}

}  // namespace

Result<void> BlobVerifier::begin(const net::HttpResponse& response) {
  skip_ = size_;
  if (response.status == 206) {
    const auto first = first_of_range(response.header("Content-Range"));
    if (!first || *first > size_) {
      return Error(ErrorKind::interrupted,
                   "the server sent another part of the blob than it was asked for");
    }
    skip_ = size_ - *first;
    return {};
  }
  const std::string* length = response.header("Content-Length");
  const auto announced = length == nullptr ? std::nullopt : parse_uint(trim(*length));
  if (announced && *announced != blob_->size) {
    return corrupt(
        fmt::format("the server has {} bytes, the manifest says {}", *announced, blob_->size));
  }
  return {};
}

bool is_part(const net::HttpResponse& response, std::uint64_t first) {
  return response.status == 206 && first_of_range(response.header("Content-Range")) == first;
}

Result<void> BlobVerifier::write(archive::Bytes data) {
  if (skip_ > 0) {
    const auto known = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, data.size()));
    data = data.subspan(known);
    skip_ -= known;
  }
  if (data.empty()) return {};
  if (data.size() > blob_->size - size_) {
    return corrupt(fmt::format("more than the {} bytes that the manifest says", blob_->size));
  }
  hash_.update(data);
  size_ += data.size();
  auto written = sink_->write(data);
  sink_failed_ = !written.ok();
  return written;
}

Result<void> BlobVerifier::check_digest() {
  const oci::Digest found(hash_.finish());
  if (found == blob_->digest) return {};
  return corrupt(fmt::format("its content has the digest {}", found.str()));
}

}  // namespace kiln::registry
