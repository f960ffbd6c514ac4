// SPDX-License-Identifier: Apache-2.0
#include "cache/step_export.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>

#include "cache/buildkit_format.h"
#include "cache/step_manifest.h"
#include "exporter/layer_workers.h"
#include "os/system.h"
#include "snapshot/layer_apply.h"
#include "transport/image_copy.h"
#include "transport/produced_blob.h"

namespace kiln::cache {
namespace {

class StepExport {
 public:
  StepExport(solver::SolveContext& context, Storage& storage, const ExportOptions& options)
      : context_(&context), store_(&context.store), storage_(&storage), options_(&options) {}

  Result<ExportReport> run(const std::string& build_tag) {
    TRY(collect());
    std::vector<std::pair<oci::DiffId, std::vector<solver::UsedRecord>>> work(by_layer_.begin(),
                                                                              by_layer_.end());
    if (work.empty() && options_->buildkit == nullptr) return report_;
    TRY(put_config());
    TRY(exporter::for_each_layer(work.size(), options_->at_once, options_->stop,
                                 [&](std::size_t i, const std::stop_token& stop) {
                                   return export_layer(work[i].first, work[i].second, stop);
                                 }));
    std::ranges::sort(all_, {}, &CachedStep::key);
    if (options_->buildkit_tag) {
      const BuildkitCache cache = TRY(in_buildkit_form());
      TextBlob config(cache.config);
      TRY(storage_->put_blob(config, options_->stop));
      TRY(storage_->put_manifest(*options_->buildkit_tag, cache.manifest, options_->stop));
    } else {
      TRY(storage_->put_manifest(build_tag, step_manifest(all_), options_->stop));
    }
    TRY(storage_->commit());
    report_.keys = all_.size();
    report_.written = written_;
    report_.layers = layers_;
    return report_;
  }

 private:
  Result<void> collect() {
    std::vector<solver::UsedRecord> records = TRY(collect_records(*context_));
    for (auto& record : records) {
      if (options_->buildkit_tag && !is_wanted(record.layer)) continue;
      by_layer_[record.layer].push_back(std::move(record));
    }
    return {};
  }

  Result<BuildkitCache> in_buildkit_form() {
    BuildkitLayers layers;
    nlohmann::json records = nlohmann::json::array();
    if (options_->buildkit != nullptr) {
      for (const auto& step : all_) blobs_.try_emplace(step.layer, step.blob);
      for (const auto& [vertex, result] : *options_->results) {
        if (is_wanted(result)) TRY(send_layers(result.layers));
      }
      const auto place = [&](const solver::StepResult& result) -> std::optional<nlohmann::json> {
        if (!is_wanted(result)) return std::nullopt;
        return layers.place(result, blobs_);
      };
      records =
          TRY(options_->buildkit->records(*context_, *options_->results, place, options_->stop));
    }
    return buildkit_cache(std::move(layers), std::move(records), all_);
  }

  /// A root file system has its step's layer on top.
  bool is_wanted(const solver::StepResult& result) const {
    if (result.layers.empty() || result.created == TimePoint()) return false;
    return is_wanted(result.layers.back());
  }
  bool is_wanted(const oci::DiffId& layer) const {
    return !options_->only || options_->only->contains(layer);
  }

  /// In BuildKit's form a result is there with all that it stands on, its image's layers as well.
  Result<void> send_layers(const std::vector<oci::DiffId>& layers) {
    for (const auto& layer : layers) {
      if (blobs_.contains(layer)) continue;
      blobs_[layer] = TRY(send_layer(layer, options_->stop).context("layer " + layer.short_hex()));
    }
    return {};
  }

  Result<void> put_config() {
    const bool there = TRY(storage_->has_blob(step_config().digest, options_->stop));
    if (there) return {};
    TextBlob config{std::string(kStepConfigText)};
    return storage_->put_blob(config, options_->stop);
  }

  Result<void> export_layer(const oci::DiffId& layer,
                            const std::vector<solver::UsedRecord>& records,
                            const std::stop_token& stop) {
    const bool is_sent = is_wanted(layer);
    std::optional<oci::Descriptor> blob;
    std::vector<CachedStep> missing;
    for (const auto& record : records) {
      CachedStep step;
      step.key = record.key;
      step.layer = layer;
      step.created = record.created;
      step.milliseconds = record.milliseconds;
      step.instruction = record.instruction;
      std::optional<CachedStep> there;
      if (!options_->buildkit_tag) there = TRY(find(record.key, stop));
      const bool is_same = there && there->layer == layer;
      if (is_same && there->has_layer()) blob = there->blob;
      if (is_same ? there->has_layer() || !is_sent : there && !record.ran) {
        add(*there);
      } else {
        missing.push_back(std::move(step));
      }
    }
    if (missing.empty()) return {};
    if (!blob && !is_sent) blob = no_layer();
    if (!blob) blob = TRY(send_layer(layer, stop).context("layer " + layer.short_hex()));
    for (auto& step : missing) {
      step.blob = *blob;
      if (!options_->buildkit_tag)
        TRY(storage_->put_manifest(step.key, step_manifest({step}), stop));
      ++written_;
      add(std::move(step));
    }
    return {};
  }

  /// What the cache says of a key; nothing where it is not sound.
  Result<std::optional<CachedStep>> find(const std::string& key, const std::stop_token& stop) {
    auto manifest = storage_->find_manifest(key, stop);
    if (!manifest && manifest.error().kind() != ErrorKind::corrupt)
      return std::move(manifest).error();
    if (!manifest || !*manifest) return std::optional<CachedStep>();
    auto steps = parse_step_manifest(**manifest);
    if (!steps) return std::optional<CachedStep>();
    const auto found = std::ranges::find(*steps, key, &CachedStep::key);
    if (found == steps->end()) return std::optional<CachedStep>();
    return std::optional(std::move(*found));
  }

  Result<oci::Descriptor> send_layer(const oci::DiffId& id, const std::stop_token& stop) {
    const auto forms = TRY(store_->distribution().layer_blobs(id));
    for (const auto& form : forms) {
      if (options_->force_compression && form.media_type != media_type()) continue;
      const bool there = TRY(storage_->has_blob(form.digest, stop));
      if (there) return form;
    }
    // One that another cache has, and this one not.
    const auto ensured = context_->ensure_layers({id}, stop);
    if (!ensured && ensured.error().kind() == ErrorKind::interrupted) return no_layer();
    TRY(ensured);
    ++layers_;
    for (const auto& form : forms) {
      if (options_->force_compression && form.media_type != media_type()) continue;
      if (!store_->blobs().has(form.digest)) continue;
      const transport::WriteBlob write = [&](archive::ByteSink& sink) -> Result<void> {
        const auto source = TRY(store_->blobs().open_source(form.digest));
        TRY(archive::copy_all(*source, sink));
        return {};
      };
      transport::ProducedBlob content(write, form.size);
      TRY(storage_->put_blob(content, stop));
      return form;
    }
    const store::LayerInfo layer = TRY(store_->layers().get(id));
    transport::ProducedBlob content([&](archive::ByteSink& sink) -> Result<void> {
      const auto compressor =
          archive::compress(sink, options_->compression, options_->level, os::processor_count());
      TRY(snapshot::write_layer_tar(*store_, layer, *compressor));
      return compressor->finish();
    });
    TRY(storage_->put_blob(content, stop));
    oci::Descriptor out;
    out.media_type = media_type();
    out.digest = TRY(content.digest());
    out.size = content.size().value_or(0);
    TRY(store_->distribution().note_layer_blob(id, out));
    return out;
  }

  std::string media_type() const { return transport::layer_type(options_->compression); }

  void add(CachedStep step) {
    const std::lock_guard lock(mutex_);
    all_.push_back(std::move(step));
  }

  solver::SolveContext* context_;
  store::Store* store_;
  Storage* storage_;
  const ExportOptions* options_;
  std::map<oci::DiffId, std::vector<solver::UsedRecord>> by_layer_;
  std::map<oci::DiffId, oci::Descriptor> blobs_;
  std::atomic<std::size_t> written_ = 0, layers_ = 0;
  std::mutex mutex_;
  std::vector<CachedStep> all_;  // guarded by mutex_
  ExportReport report_;
};

}  // namespace

Result<std::vector<solver::UsedRecord>> collect_records(solver::SolveContext& context) {
  std::map<std::string, solver::UsedRecord> by_key;
  for (const auto& record : context.used_records) {
    const auto [known, added] = by_key.try_emplace(record.key, record);
    if (!added && record.ran) known->second = record;
  }
  std::map<std::string, solver::UsedRecord> twins;
  for (const auto& [key, record] : by_key) {
    const auto keys = TRY(context.store.records().keys_of_same_run(key));
    for (const auto& other : keys) {
      solver::UsedRecord twin = record;
      twin.key = other;
      twins.try_emplace(other, std::move(twin));
    }
  }
  by_key.merge(twins);
  std::vector<solver::UsedRecord> out;
  for (auto& [key, record] : by_key) out.push_back(std::move(record));
  return out;
}

Result<ExportReport> export_steps(solver::SolveContext& context, Storage& storage,
                                  const std::string& build_tag, const ExportOptions& options) {
  return StepExport(context, storage, options).run(build_tag);
}

}  // namespace kiln::cache
