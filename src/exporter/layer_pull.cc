// SPDX-License-Identifier: Apache-2.0
#include "exporter/layer_pull.h"

#include <functional>
#include <set>
#include <thread>

#include "archive/byte_pipe.h"
#include "exporter/layer_workers.h"
#include "snapshot/layer_apply.h"
#include "store/layer_size.h"

namespace kiln::exporter {
namespace {

/// Whether wrong bytes may be the cause.
bool may_be_of_bytes(const Error& error) {
  switch (error.kind()) {
    case ErrorKind::no_space:
    case ErrorKind::cancelled:
    case ErrorKind::permission:
    case ErrorKind::system:
      return false;
    default:
      return true;
  }
}

/// Gives bytes to a file and to who unpacks them. If they can't be unpacked, the file gets the rest
/// all the same: their digest tells whether they are the right ones.
class TeeSink final : public archive::ByteSink {
 public:
  TeeSink(archive::ByteSink& file, archive::ByteSink& unpacker)
      : file_(&file), unpacker_(&unpacker) {}
  Result<void> write(archive::Bytes data) override {
    TRY(file_->write(data));
    if (unpacker_ == nullptr) return {};
    auto written = unpacker_->write(data);
    if (written.ok() || !may_be_of_bytes(written.error())) return written;
    unpacker_ = nullptr;
    return {};
  }

 private:
  archive::ByteSink* file_;
  archive::ByteSink* unpacker_;  ///< null once it has failed
};

void report(const PullOptions& options, const oci::Descriptor& blob, std::string_view status) {
  if (options.progress != nullptr) options.progress->layer(blob.digest.short_hex(), status);
}

Result<void> fetch_rest(registry::Repository& repository, const oci::Descriptor& blob,
                        const store::Ingest& ingest, archive::ByteSink& sink,
                        std::stop_token stop) {
  const auto earlier = [&](archive::ByteSink& into) { return ingest.copy_earlier(into); };
  return repository.fetch_rest_of_blob(blob, earlier, sink, std::move(stop));
}

/// Bytes that are not what they should be are nothing to go on with.
void discard_if_broken(store::Ingest& ingest, const Result<void>& outcome) {
  if (!outcome.ok() && outcome.error().kind() == ErrorKind::corrupt) ingest.discard();
}

/// Download on a thread of its own, unpacking on this one.
Result<void> stream_layer(store::Store& store, registry::Repository& repository,
                          const oci::Descriptor& blob, const oci::DiffId& diff_id,
                          const PullOptions& options, std::stop_token stop) {
  store::Ingest ingest = TRY(store.blobs().resume(blob));
  archive::BytePipe pipe;
  TeeSink tee(ingest, pipe.sink());
  ReportingSink counted(tee, {options.progress, blob.digest.short_hex(),
                              TransferProgress::Direction::down, blob.size});
  std::optional<Result<void>> fetched;
  std::jthread download([&] {
    fetched = fetch_rest(repository, blob, ingest, counted, stop);
    if (fetched->ok()) report(options, blob, "Download complete");
    pipe.finish(*fetched);
  });
  const auto keep = [&]() -> Result<oci::Descriptor> {
    download.join();
    TRY(*fetched);
    TRY(store.distribution().note_layer_blob(diff_id, blob));
    TRY(ingest.commit_as(blob.digest));
    return blob;
  };
  auto applied = snapshot::apply_layer_once(store, pipe.source(), diff_id,
                                            snapshot::expansion_limit(blob), keep, stop);
  if (!applied.ok()) pipe.abandon(applied.error());
  if (download.joinable()) download.join();
  discard_if_broken(ingest, *fetched);
  if (!applied.ok()) discard_if_broken(ingest, applied.error());
  // Of two errors, the one that caused the other.
  if (fetched && !fetched->ok() &&
      (applied.ok() || fetched->error().message() != applied.error().message())) {
    return *fetched;
  }
  if (!applied.ok()) return std::move(applied).error();
  return {};
}

/// A layer that the store has unpacked, but not as this image's blob.
Result<void> keep_blob(store::Store& store, registry::Repository& repository,
                       const oci::Descriptor& blob, const oci::DiffId& diff_id,
                       std::stop_token stop) {
  store::Ingest ingest = TRY(store.blobs().resume(blob));
  const auto fetched = fetch_rest(repository, blob, ingest, ingest, stop);
  discard_if_broken(ingest, fetched);
  TRY(fetched);
  // Noted first: what is noted goes when the layer goes.
  TRY(store.distribution().note_layer_blob(diff_id, blob));
  return ingest.commit_as(blob.digest);
}

/// Fetches again what was not as it should be, from another place if there is one.
Result<void> fetch_until_sound(const registry::Repository& repository, const std::stop_token& stop,
                               const std::function<Result<void>()>& fetch,
                               const std::function<void()>& before_next) {
  for (unsigned attempt = 1;; ++attempt) {
    auto done = fetch();
    if (done.ok() || done.error().kind() != ErrorKind::corrupt) return done;
    if (attempt == repository.attempts() || stop.stop_requested()) return done;
    before_next();
  }
}

Result<void> fetch_layer(store::Store& store, registry::Repository& repository,
                         const oci::Descriptor& blob, const oci::DiffId& diff_id,
                         const PullOptions& options, std::stop_token stop) {
  const auto known = TRY(store.layers().find(diff_id));
  const bool plain = blob.digest.hex() == diff_id.hex();
  if (known && (plain || store.blobs().has(blob.digest))) {
    TRY(store::check_layer_size(store.blobs(), *known, blob));
    report(options, blob, "Already exists");
    return {};
  }
  report(options, blob, "Pulling fs layer");
  const auto fetch = [&] {
    return known ? keep_blob(store, repository, blob, diff_id, stop)
                 : stream_layer(store, repository, blob, diff_id, options, stop);
  };
  const auto before_next = [&] { report(options, blob, "Retrying"); };
  TRY(fetch_until_sound(repository, stop, fetch, before_next)
          .context("layer " + blob.digest.short_hex()));
  report(options, blob, known ? "Download complete" : "Pull complete");
  return {};
}

}  // namespace

bool is_layer_type(std::string_view media_type) {
  std::string type = oci::media_type::as_oci(media_type);
  if (type == "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip") return true;
  // Such a layer may only be had from its first maker.
  constexpr std::string_view kElsewhere = ".nondistributable";
  if (const auto at = type.find(kElsewhere); at != std::string::npos)
    type.erase(at, kElsewhere.size());
  return type == oci::media_type::kOciLayer || type == oci::media_type::kOciLayerGzip ||
         type == oci::media_type::kOciLayerZstd;
}

Result<void> pull_layers(store::Store& store, registry::Repository& repository,
                         const oci::Reference& reference, const oci::Manifest& manifest,
                         const oci::ImageConfig& config, const PullOptions& options) {
  // An image may hold the same layer several times.
  std::set<oci::DiffId> seen;
  std::vector<std::size_t> wanted;
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    if (seen.insert(config.diff_ids[i]).second) wanted.push_back(i);
  }
  TRY(for_each_layer(wanted.size(), options.layers_at_once, options.stop,
                     [&](std::size_t index, std::stop_token stop) {
                       const std::size_t at = wanted[index];
                       return fetch_layer(store, repository, manifest.layers[at],
                                          config.diff_ids[at], options, stop);
                     }));
  for (std::size_t i = 0; i < config.diff_ids.size(); ++i) {
    // A second blob of one layer, which no layer brought with it.
    const oci::Descriptor& blob = manifest.layers[i];
    if (blob.digest.hex() != config.diff_ids[i].hex() && !store.blobs().has(blob.digest)) {
      const auto fetch = [&] {
        return keep_blob(store, repository, blob, config.diff_ids[i], options.stop);
      };
      TRY(fetch_until_sound(repository, options.stop, fetch, [] {}));
    }
    TRY(store.distribution().note_place(blob.digest, reference));
  }
  return {};
}

}  // namespace kiln::exporter
