// SPDX-License-Identifier: Apache-2.0
#include "transport/verified.h"

#include <vector>

#include "base/json.h"
#include "snapshot/async_hash_sink.h"

namespace kiln::transport {

Result<void> copy_verified(archive::ByteSource& source, const oci::Descriptor& blob,
                           archive::ByteSink& sink) {
  constexpr std::size_t kBufferSize = std::size_t{256} << 10;
  std::vector<std::byte> buffer(kBufferSize);
  snapshot::AsyncHashSink hash;
  const auto damaged = [&](const std::string& how) {
    return corrupt("blob " + blob.digest.str() + " is damaged: " + how);
  };
  while (true) {
    const std::size_t n = TRY(source.read(buffer));
    if (n == 0) break;
    const archive::Bytes data(buffer.data(), n);
    TRY(hash.write(data));
    if (hash.size() > blob.size) return damaged("it is too long");
    TRY(sink.write(data));
  }
  if (hash.size() != blob.size) return damaged("it is too short");
  const oci::Digest found(hash.finish());
  if (found != blob.digest) return damaged("its digest is " + found.str());
  return {};
}

Result<SourceManifest> verify_manifest(std::string content, const oci::Descriptor& expected) {
  const oci::Digest found = oci::Digest::of(content);
  if (found != expected.digest) {
    return corrupt("manifest " + expected.digest.str() + " is damaged: its digest is " +
                   found.str());
  }
  if (expected.size != content.size())
    return corrupt("manifest " + expected.digest.str() + " has another size than its index says");
  SourceManifest out = TRY(describe_manifest(std::move(content), expected.media_type));
  const bool is_index = oci::media_type::is_index(out.descriptor.media_type);
  const bool other = is_index ? oci::media_type::is_manifest(expected.media_type)
                              : oci::media_type::is_index(expected.media_type);
  if (other) {
    return corrupt("manifest " + expected.digest.str() + " is " + out.descriptor.media_type +
                   ", its index says " + expected.media_type);
  }
  return out;
}

Result<SourceManifest> describe_manifest(std::string content, const std::string& media_type) {
  const auto json = TRY(parse_json(content, "manifest"));
  if (!json.is_object()) return corrupt("manifest: not a JSON object");
  std::string type = TRY(json_string(json, "mediaType"));
  if (type.empty()) type = media_type;
  if (type.empty()) {
    type = json.contains("manifests") ? oci::media_type::kOciIndex : oci::media_type::kOciManifest;
  }
  const bool known = oci::media_type::is_index(type) || oci::media_type::is_manifest(type);
  if (!known) return corrupt("not an image but " + type);
  SourceManifest out;
  out.descriptor.media_type = std::move(type);
  out.descriptor.digest = oci::Digest::of(content);
  out.descriptor.size = content.size();
  out.content = std::move(content);
  return out;
}

}  // namespace kiln::transport
