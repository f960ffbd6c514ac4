// SPDX-License-Identifier: Apache-2.0
#include "transport/image_copy.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "archive/byte_pipe.h"
#include "archive/stoppable_sink.h"
#include "exporter/layer_workers.h"
#include "oci/image_config.h"
#include "oci/index_search.h"
#include "oci/manifest_json.h"
#include "transport/produced_blob.h"

namespace kiln::transport {
namespace {

using archive::Compression;
using Role = ImageDestination::Role;

constexpr int kMaxIndexDepth = 3;
constexpr std::size_t kMaxInstances = 1000;

/// What a media type says of a layer; nullopt for what is no layer that kiln could change.
std::optional<Compression> layer_compression(std::string_view type) {
  const std::string oci = oci::media_type::as_oci(type);
  if (oci == oci::media_type::kOciLayer) return Compression::none;
  if (oci == oci::media_type::kOciLayerGzip) return Compression::gzip;
  if (oci == oci::media_type::kOciLayerZstd) return Compression::zstd;
  return std::nullopt;
}

/// Not every source looks at `stop` while it writes.
Result<void> read_blob(ImageSource& source, const oci::Descriptor& blob,
                       const exporter::ReportingSink::Layer& shown, archive::ByteSink& sink,
                       const std::stop_token& stop) {
  archive::StoppableSink stoppable(sink, stop);
  exporter::ReportingSink counted(stoppable, shown);
  return source.write_blob(blob, counted, stop);
}

/// Reads `source`'s blob on a thread of its own, and writes it in another compression.
Result<void> recompress(ImageSource& source, const oci::Descriptor& blob, Compression kind,
                        int level, unsigned threads, const exporter::ReportingSink::Layer& shown,
                        archive::ByteSink& sink, std::stop_token stop) {
  const auto compressor = archive::compress(sink, kind, level, threads);
  if (layer_compression(blob.media_type) == Compression::none) {
    TRY(read_blob(source, blob, shown, *compressor, stop));
    return compressor->finish();
  }
  archive::BytePipe pipe;
  std::optional<Result<void>> read;
  std::jthread reader([&] {
    read = read_blob(source, blob, shown, pipe.sink(), stop);
    pipe.finish(*read);
  });
  const auto copy = [&]() -> Result<void> {
    const auto plain = TRY(archive::decompress(pipe.source()));
    TRY(archive::copy_all(*plain, *compressor));
    // What stands after the end of the stream belongs to the digest.
    std::byte rest[4096];
    while (true) {
      const std::size_t n = TRY(pipe.source().read(rest));
      if (n == 0) break;
    }
    return compressor->finish();
  };
  auto copied = copy();
  if (!copied.ok()) pipe.abandon(copied.error());
  reader.join();
  if (!copied.ok()) return copied;
  return std::move(*read);
}

class ImageCopier {
 public:
  ImageCopier(ImageSource& source, ImageDestination& destination, const CopyOptions& options)
      : source_(&source),
        destination_(&destination),
        options_(&options),
        traits_(destination.traits()) {
    if (options.blobs_at_once && traits_.blobs_at_once > 1)
      traits_.blobs_at_once = *options.blobs_at_once;
  }

  Result<CopiedImage> copy() {
    SourceManifest top = TRY(source_->top(options_->stop));
    if (oci::media_type::is_index(top.descriptor.media_type)) {
      if (options_->instances != Instances::one) return copy_index(top);
      top = TRY(choose(top));
    }
    CopiedImage out = TRY(copy_manifest(top, Role::top));
    TRY(destination_->finish(options_->stop));
    return out;
  }

 private:
  Result<SourceManifest> choose(const SourceManifest& top) {
    const oci::Index index = TRY(oci::Index::parse(top.content).context(source_->name()));
    const oci::IndexReader read = {
        .manifest = [&](const oci::Descriptor& entry) -> Result<std::string> {
          SourceManifest inner = TRY(source_->instance(entry, options_->stop));
          return std::move(inner.content);
        },
        .config = [&](const oci::Descriptor& config) { return read_config(config); },
    };
    const auto chosen =
        TRY(oci::find_manifest(index, options_->platform, read).context(source_->name()));
    if (!chosen) {
      return not_found(fmt::format("{}: no image for {} in its index", source_->name(),
                                   options_->platform.str()));
    }
    return source_->instance(*chosen, options_->stop);
  }

  Result<CopiedImage> copy_index(const SourceManifest& top) {
    if (!traits_.takes_index) {
      return invalid_input(destination_->name() + " holds one image, not an index of several")
          .with_hint("name one platform instead of --all");
    }
    CopiedImage out = TRY(copy_index_into(top, Role::top, 0));
    TRY(destination_->finish(options_->stop));
    return out;
  }

  Result<CopiedImage> copy_index_into(const SourceManifest& top, Role role, int depth) {
    if (depth == kMaxIndexDepth) return corrupt(source_->name() + ": its indexes nest too deeply");
    oci::Index index = TRY(oci::Index::parse(top.content).context(source_->name()));
    if (index.manifests.size() > kMaxInstances)
      return corrupt(source_->name() + ": its index has more than 1000 entries");
    for (const auto& child : index.manifests) {
      if (options_->instances == Instances::all) TRY(child.check().context(source_->name()));
    }
    bool changed = false;
    for (auto& child : index.manifests) {
      if (options_->instances == Instances::none) break;
      const SourceManifest instance = TRY(source_->instance(child, options_->stop));
      CopiedImage copied;
      if (oci::media_type::is_index(instance.descriptor.media_type)) {
        copied = TRY(copy_index_into(instance, Role::instance, depth + 1));
      } else {
        copied = TRY(copy_manifest(instance, Role::instance));
      }
      if (copied.top.digest == child.digest) continue;
      changed = true;
      child.digest = copied.top.digest;
      child.size = copied.top.size;
      child.media_type = copied.top.media_type;
    }
    for (const auto& [key, value] : options_->index_annotations) {
      auto& at = index.annotations[key];
      changed = changed || at != value;
      at = value;
    }
    const std::string type(options_->format == ManifestFormat::docker
                               ? oci::media_type::kDockerIndex
                               : oci::media_type::kOciIndex);
    const bool other_type = options_->format != ManifestFormat::keep && index.media_type != type;
    CopiedImage out{top.descriptor, top.content, std::nullopt};
    if (changed || other_type) {
      TRY(may_change());
      if (other_type || has_oci_only(index)) index.media_type = type;
      out.content = TRY(oci::rewritten(top.content, index));
    }
    out.top = describe(index.media_type, out.content);
    TRY(destination_->put_manifest(out.top, out.content, role, options_->stop));
    return out;
  }

  static bool has_oci_only(const oci::Index& index) {
    return std::ranges::any_of(index.manifests, [](const oci::Descriptor& child) {
      return child.media_type == oci::media_type::kOciManifest;
    });
  }

  static oci::Descriptor describe(const std::string& type, const std::string& content) {
    oci::Descriptor out;
    out.media_type = type;
    out.digest = oci::Digest::of(content);
    out.size = content.size();
    return out;
  }

  Result<void> may_change() const {
    if (!options_->preserve_digests) return {};
    return invalid_input(source_->name() +
                         ": its manifest would have to change, and digests are to be preserved");
  }

  void report(const std::string& label, std::string_view status) const {
    if (options_->progress != nullptr) options_->progress->layer(label, status);
  }

  Result<CopiedImage> copy_manifest(const SourceManifest& from, Role role) {
    const oci::Manifest manifest = TRY(oci::Manifest::parse(from.content).context(source_->name()));
    const bool is_image = oci::media_type::is_image_config(manifest.config.media_type);
    std::string config_text;
    std::vector<std::string> labels;
    for (const auto& layer : manifest.layers) labels.push_back(layer.digest.short_hex());
    if (is_image) {
      config_text = TRY(read_config(manifest.config));
      const auto config = TRY(oci::ImageConfig::parse(config_text).context(source_->name()));
      if (config.diff_ids.size() != manifest.layers.size()) {
        return corrupt(fmt::format("{}: {} layers, but the config lists {}", source_->name(),
                                   manifest.layers.size(), config.diff_ids.size()));
      }
      if (!source_->is_published()) {
        for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = config.diff_ids[i].short_hex();
      }
    } else if (traits_.wants_plain_layers) {
      return unsupported(source_->name() + " is not a container image: its config is a " +
                         manifest.config.media_type);
    }
    oci::Manifest sent = manifest;
    TRY(copy_layers(is_image, manifest, sent, labels));
    TRY(is_image ? put_text(manifest.config, config_text) : put_as_is(manifest.config));
    change_form(is_image, manifest, sent);
    CopiedImage out{from.descriptor, from.content, manifest.config.digest};
    if (sent.to_json() != manifest.to_json()) {
      TRY(may_change());
      TRY(check_form(sent));
      out.content = TRY(oci::rewritten(from.content, sent));
    }
    out.top = describe(sent.media_type, out.content);
    TRY(destination_->put_manifest(out.top, out.content, role, options_->stop));
    return out;
  }

  /// Media types and annotations of what goes out.
  void change_form(bool is_image, const oci::Manifest& manifest, oci::Manifest& sent) const {
    for (const auto& [key, value] : options_->manifest_annotations) sent.annotations[key] = value;
    if (!is_image) return;
    const bool zstd = std::ranges::any_of(sent.layers, [](const oci::Descriptor& layer) {
      return layer_compression(layer.media_type) == Compression::zstd;
    });
    const bool changed = sent.to_json() != manifest.to_json();
    ManifestFormat format = options_->format;
    if (format == ManifestFormat::keep) {
      if (!changed) return;
      const bool docker = manifest.media_type == oci::media_type::kDockerManifest && !zstd &&
                          sent.annotations.empty();
      format = docker ? ManifestFormat::docker : ManifestFormat::oci;
    }
    if (format == ManifestFormat::oci) {
      sent.media_type = oci::media_type::kOciManifest;
      sent.config.media_type = oci::media_type::kOciConfig;
      for (auto& layer : sent.layers) layer.media_type = oci::media_type::as_oci(layer.media_type);
    } else {
      sent.media_type = oci::media_type::kDockerManifest;
      sent.config.media_type = oci::media_type::kDockerConfig;
      for (auto& layer : sent.layers)
        layer.media_type = oci::media_type::as_docker(layer.media_type);
    }
  }

  Result<void> check_form(const oci::Manifest& sent) const {
    if (sent.media_type != oci::media_type::kDockerManifest) return {};
    for (const auto& layer : sent.layers) {
      if (layer_compression(layer.media_type) == Compression::zstd)
        return invalid_input("docker's manifests have no zstd layers: use the OCI format");
    }
    if (!sent.annotations.empty())
      return invalid_input("docker's manifests have no annotations: use the OCI format");
    return {};
  }

  Result<std::string> read_config(const oci::Descriptor& config) {
    if (config.size > oci::kMaxConfigSize)
      return corrupt(source_->name() + ": its config is larger than 8 MiB");
    archive::StringSink sink;
    TRY(source_->write_blob(config, sink, options_->stop).context(source_->name()));
    return sink.text();
  }

  Result<void> put_text(const oci::Descriptor& blob, const std::string& text) {
    const auto there = TRY(destination_->find_blob(blob, options_->stop));
    if (there) return {};
    ProducedBlob content(
        [&](archive::ByteSink& sink) { return sink.write(archive::as_bytes(text)); }, text.size());
    return destination_->put_blob(content, blob, options_->stop);
  }

  Result<void> put_as_is(const oci::Descriptor& blob) {
    const auto there = TRY(destination_->find_blob(blob, options_->stop));
    if (there) return {};
    return send_as_is(blob, {}, options_->stop);
  }

  exporter::ReportingSink::Layer shown(const oci::Descriptor& blob,
                                       const std::string& label) const {
    return {label.empty() ? nullptr : options_->progress, label,
            exporter::TransferProgress::Direction::up, blob.size};
  }

  Result<void> send_as_is(const oci::Descriptor& blob, const std::string& label,
                          std::stop_token stop) {
    ProducedBlob content(
        [&](archive::ByteSink& sink) {
          return read_blob(*source_, blob, shown(blob, label), sink, stop);
        },
        blob.size);
    return destination_->put_blob(content, blob, stop);
  }

  Result<void> copy_layers(bool is_image, const oci::Manifest& manifest, oci::Manifest& sent,
                           const std::vector<std::string>& labels) {
    // A manifest may list one blob several times.
    std::map<oci::Digest, std::size_t> first;
    std::vector<std::size_t> wanted;
    for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
      if (first.try_emplace(manifest.layers[i].digest, i).second) wanted.push_back(i);
    }
    for (std::size_t i = labels.size(); i-- > 0;) report(labels[i], "Preparing");
    const auto copy_one = [&](std::size_t index, std::stop_token stop) -> Result<void> {
      const std::size_t at = wanted[index];
      sent.layers[at] = TRY(copy_layer(is_image, manifest.layers[at], labels[at], std::move(stop)));
      return {};
    };
    TRY(exporter::for_each_layer(wanted.size(), traits_.blobs_at_once, options_->stop, copy_one));
    for (std::size_t i = 0; i < sent.layers.size(); ++i) {
      const std::size_t at = first.at(manifest.layers[i].digest);
      if (at != i) sent.layers[i] = sent.layers[at];
    }
    return {};
  }

  /// What a layer becomes; nullopt if it stays as it is.
  std::optional<Compression> wanted_compression(bool is_image, const oci::Descriptor& layer) const {
    const auto now = layer_compression(layer.media_type);
    if (!is_image || !now) return std::nullopt;
    const LayerForm& form = options_->form;
    Compression wanted = *now;
    if (traits_.wants_plain_layers) {
      wanted = Compression::none;
    } else if (form.force) {
      wanted = form.kind.value_or(Compression::gzip);
      if (form.level) return wanted;
    } else if (*now == Compression::none && form.kind) {
      wanted = *form.kind;
    } else if (*now == Compression::none && traits_.compresses && !source_->is_published()) {
      wanted = Compression::gzip;
    }
    return wanted == *now ? std::nullopt : std::optional(wanted);
  }

  Result<oci::Descriptor> copy_layer(bool is_image, const oci::Descriptor& layer,
                                     const std::string& label, std::stop_token stop) {
    const auto wanted = wanted_compression(is_image, layer);
    if (!wanted) {
      const auto there = TRY(destination_->find_blob(layer, stop));
      if (there) {
        report(label, *there);
        return layer;
      }
      TRY(send_as_is(layer, label, stop).context("layer " + label));
      report(label, "Pushed");
      return layer;
    }
    const auto known = TRY(find_known_form(layer, *wanted, label, stop));
    if (known) return *known;
    const int level = options_->form.level.value_or(archive::kUsualLevel);
    ProducedBlob content([&](archive::ByteSink& sink) {
      return recompress(*source_, layer, *wanted, level, options_->threads, shown(layer, label),
                        sink, stop);
    });
    TRY(destination_->put_blob(content, std::nullopt, stop).context("layer " + label));
    report(label, "Pushed");
    oci::Descriptor out = layer;
    out.media_type = layer_type(*wanted);
    out.digest = TRY(content.digest());
    out.size = content.size().value_or(0);
    TRY(note_form(layer, out));
    return out;
  }

  /// A plain layer of the store that was sent before is asked for in that form.
  Result<std::optional<oci::Descriptor>> find_known_form(const oci::Descriptor& layer,
                                                         Compression wanted,
                                                         const std::string& label,
                                                         std::stop_token stop) {
    std::optional<oci::Descriptor> out;
    if (!has_forms(layer)) return out;
    const auto id = TRY(oci::DiffId::parse(layer.digest.str()));
    const auto forms = TRY(options_->index->layer_blobs(id));
    for (const auto& form : forms) {
      if (oci::media_type::as_oci(form.media_type) != layer_type(wanted)) continue;
      const auto there = TRY(destination_->find_blob(form, stop));
      if (!there) continue;
      report(label, *there);
      out = form;
      out->media_type = layer_type(wanted);
      out->annotations = layer.annotations;
      return out;
    }
    return out;
  }

  Result<void> note_form(const oci::Descriptor& layer, const oci::Descriptor& form) {
    if (!has_forms(layer)) return {};
    const auto id = TRY(oci::DiffId::parse(layer.digest.str()));
    return options_->index->note_layer_blob(id, form);
  }

  /// The store remembers forms of its own layers, at the usual level.
  bool has_forms(const oci::Descriptor& layer) const {
    return options_->index != nullptr && !options_->form.level && !source_->is_published() &&
           layer_compression(layer.media_type) == Compression::none;
  }

  ImageSource* source_;
  ImageDestination* destination_;
  const CopyOptions* options_;
  ImageDestination::Traits traits_;
};

}  // namespace

std::string layer_type(Compression compression) {
  switch (compression) {
    case Compression::zstd:
      return std::string(oci::media_type::kOciLayerZstd);
    case Compression::gzip:
      return std::string(oci::media_type::kOciLayerGzip);
    default:
      return std::string(oci::media_type::kOciLayer);
  }
}

Result<CopiedImage> copy_image(ImageSource& source, ImageDestination& destination,
                               const CopyOptions& options) {
  return ImageCopier(source, destination, options).copy();
}

}  // namespace kiln::transport
