// SPDX-License-Identifier: Apache-2.0
#include "exporter/oci_layout.h"

#include <algorithm>
#include <optional>

#include "archive/fd_stream.h"
#include "base/strings.h"
#include "oci/index_search.h"
#include "oci/layout.h"
#include "oci/manifest.h"
#include "os/dir.h"
#include "snapshot/hash_sink.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

constexpr int kMaxDepth = 4;

/// What an address says.
struct Address {
  std::string path, tag = "latest";
  std::optional<oci::Digest> digest;
};

Result<Address> parse_address(std::string_view text) {
  text.remove_prefix(kLayoutScheme.size());
  Address out;
  const auto at = text.rfind('@');
  if (at != std::string_view::npos) {
    out.digest = TRY(oci::Digest::parse(text.substr(at + 1)));
    text = text.substr(0, at);
  }
  const auto colon = text.rfind(':');
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    out.tag = text.substr(colon + 1);
    text = text.substr(0, colon);
  }
  out.path = text;
  if (out.path.empty()) return invalid_input("it names no directory");
  return out;
}

class Layout {
 public:
  Layout(store::Store& store, os::Dir root, std::stop_token stop)
      : store_(&store), root_(std::move(root)), stop_(std::move(stop)) {}

  Result<LayoutImage> load(const Address& address, const oci::Platform& platform) {
    oci::Descriptor at;
    if (address.digest) {
      at.digest = *address.digest;
    } else {
      at = TRY(find_tag(address.tag));
    }
    for (int depth = 0; depth < kMaxDepth; ++depth) {
      TRY(at.check());
      const std::string text = TRY(read_blob(at.digest, oci::kMaxManifestSize));
      const auto index = oci::Index::parse(text);
      if (!index || index->manifests.empty() || !oci::media_type::is_index(index->media_type))
        return load_manifest(text);
      at = TRY(choose(*index, platform));
    }
    return corrupt("indexes nest too deeply");
  }

 private:
  Result<oci::Descriptor> find_tag(const std::string& tag) const {
    const std::string text = TRY(read("index.json", oci::kMaxManifestSize));
    const oci::Index index = TRY(oci::Index::parse(text));
    for (const auto& descriptor : index.manifests) {
      const auto name = descriptor.annotations.find(oci::kRefName);
      if (name != descriptor.annotations.end() && name->second == tag) return descriptor;
    }
    if (index.manifests.size() == 1) return index.manifests.front();
    return not_found("the layout has no image called " + tag);
  }

  Result<oci::Descriptor> choose(const oci::Index& index, const oci::Platform& platform) const {
    const oci::IndexReader read = {
        .manifest =
            [&](const oci::Descriptor& entry) {
              return read_blob(entry.digest, oci::kMaxManifestSize);
            },
        .config =
            [&](const oci::Descriptor& config) {
              return read_blob(config.digest, oci::kMaxConfigSize);
            },
    };
    auto fitting = TRY(oci::find_manifest(index, platform, read));
    if (fitting) return *std::move(fitting);
    if (index.manifests.size() == 1) return index.manifests.front();
    return not_found("the layout has no image for " + platform.str());
  }

  Result<LayoutImage> load_manifest(const std::string& text) {
    const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
    const std::string config_text = TRY(read_blob(manifest.config.digest, oci::kMaxConfigSize));
    LayoutImage out;
    out.config = TRY(oci::ImageConfig::parse(config_text));
    if (out.config.diff_ids.size() != manifest.layers.size())
      return corrupt("its config and its manifest differ in the number of layers");
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      const oci::DiffId& id = out.config.diff_ids[i];
      const auto there = TRY(store_->layers().find(id));
      if (there) continue;
      TRY(verify(manifest.layers[i].digest));
      const oci::Descriptor& blob = manifest.layers[i];
      TRY(snapshot::apply_layer(
          *store_, [&] { return open_blob(blob.digest); }, id, snapshot::expansion_limit(blob),
          stop_));
      out.new_layers.push_back(id);
    }
    return out;
  }

  Result<std::string> read(const std::string& path, std::size_t limit) const {
    const os::Fd fd = TRY(root_.open_file_beneath(os::RelPath::clean(path)));
    return os::read_all(fd, path, limit);
  }

  Result<std::string> read_blob(const oci::Digest& digest, std::size_t limit) const {
    std::string text = TRY(read(oci::blob_path(digest), limit));
    if (oci::Digest::of(text) != digest) return corrupt("blob " + digest.str() + " is damaged");
    return text;
  }

  Result<std::unique_ptr<archive::ByteSource>> open_blob(const oci::Digest& digest) const {
    os::Fd fd = TRY(root_.open_file_beneath(os::RelPath::clean(oci::blob_path(digest))));
    return std::unique_ptr<archive::ByteSource>(
        std::make_unique<archive::FileSource>(std::move(fd), digest.str()));
  }

  Result<void> verify(const oci::Digest& digest) const {
    const auto source = TRY(open_blob(digest));
    snapshot::HashSink hash;
    TRY(archive::copy_all(*source, hash));
    if (oci::Digest(hash.finish()) != digest)
      return corrupt("blob " + digest.str() + " is damaged");
    return {};
  }

  store::Store* store_;
  os::Dir root_;
  std::stop_token stop_;
};

Result<LayoutImage> load(store::Store& store, const std::string& text,
                         const oci::Platform& platform, std::stop_token stop) {
  const Address address = TRY(parse_address(text));
  os::Dir root = TRY(os::Dir::open(address.path));
  return Layout(store, std::move(root), std::move(stop)).load(address, platform);
}

}  // namespace

Result<LayoutImage> load_layout(store::Store& store, const std::string& address,
                                const oci::Platform& platform, std::stop_token stop) {
  return load(store, address, platform, std::move(stop))
      .context("oci-layout reference \"" + address + "\" could not be resolved");
}

}  // namespace kiln::exporter
