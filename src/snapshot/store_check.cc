// SPDX-License-Identifier: Apache-2.0
#include "snapshot/store_check.h"

#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "archive/fd_stream.h"
#include "base/sha256.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "snapshot/hashing_source.h"
#include "snapshot/layer_apply.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

class Check {
 public:
  Check(store::Store& store, Repair repair) : store_(&store), repair_(repair) {}

  Result<CheckReport> run(unsigned jobs) {
    const auto problems = TRY(store_->index_problems());
    for (const auto& problem : problems) found(Defect::Subject::index, "kiln.sqlite", problem);
    images_ = TRY(store_->images().list());
    TRY(map_images());
    TRY(check_blobs(jobs));
    TRY(check_layers(jobs));
    TRY(check_records());
    TRY(check_images());
    if (repair_ == Repair::yes) TRY(drop());
    return std::move(report_);
  }

 private:
  void found(Defect::Subject subject, std::string name, std::string what) {
    const std::lock_guard lock(mutex_);
    report_.defects.push_back({subject, std::move(name), std::move(what)});
  }

  /// Which layers and blobs are needed by an image.
  Result<void> map_images() {
    for (const auto& image : images_) {
      needed_blobs_.insert(image.id.hex());
      const auto manifests = TRY(store_->images().manifests_of(image));
      for (const auto& manifest : manifests) needed_blobs_.insert(manifest.hex());
      TRY(map_indexes(image));
      const auto config = store_->images().config(image);
      if (!config) continue;  // check_images says so
      for (const auto& layer : config->diff_ids) needed_layers_.insert(layer.hex());
    }
    return {};
  }

  Result<void> map_indexes(const store::Image& image) {
    const auto indexes = TRY(store_->indexes().of_image(image.id));
    for (const auto& digest : indexes) {
      needed_blobs_.insert(digest.hex());
      const auto index = store_->indexes().find(digest);
      if (!index) {
        found(Defect::Subject::image, digest.str(), index.error().message());
        continue;
      }
      if (!*index) continue;
      for (const auto& blob : (*index)->blobs) needed_blobs_.insert(blob.hex());
      for (const auto& each : (*index)->images) needed_blobs_.insert(each.manifest.hex());
    }
    return {};
  }

  template <typename Item, typename Each>
  static void in_parallel(const std::vector<Item>& items, unsigned jobs, Each each) {
    std::atomic<std::size_t> next = 0;
    std::vector<std::jthread> workers;
    for (unsigned i = 0; i < std::max(1u, jobs); ++i) {
      workers.emplace_back([&] {
        for (std::size_t at = next++; at < items.size(); at = next++) each(items[at]);
      });
    }
  }

  static Result<Sha256Bytes> digest_of(const os::Dir& folder, const std::string& name) {
    const os::Fd fd = TRY(folder.open_for_reading(name));
    archive::FdSource file(fd, name);
    HashingSource hashed(file);
    TRY(read_to_end(hashed));
    return hashed.finish();
  }

  Result<void> check_blobs(unsigned jobs) {
    const os::Dir folder = TRY(os::Dir::open(store_->paths().blobs()));
    const std::vector<os::DirEntry> blobs = TRY(folder.list());
    report_.blobs = blobs.size();
    in_parallel(blobs, jobs, [&](const os::DirEntry& blob) {
      const auto digest = digest_of(folder, blob.name);
      std::string what;
      if (!digest) {
        what = digest.error().message();
      } else if (to_hex(*digest) != blob.name) {
        what = "its content has the digest sha256:" + to_hex(*digest);
      } else {
        return;
      }
      found(Defect::Subject::blob, "sha256:" + blob.name, what);
      const std::lock_guard lock(mutex_);
      wrong_blobs_.insert(blob.name);
    });
    return {};
  }

  std::string layer_defect(const store::LayerInfo& layer) {
    const auto fs = store_->layers().open_fs(layer.diff_id);
    if (!fs) return fs.error().message();
    const auto tree = digest_tree(*fs);
    if (!tree) return tree.error().message();
    if (tree->diff_id == layer.diff_id) return {};
    if (!layer.blob) return "its files have the diff ID " + tree->diff_id.str();
    // Its directory's own stream is another.
    if (wrong_blobs_.contains(layer.blob->digest.hex())) return "its blob is damaged";
    const auto same = is_what_its_blob_unpacks_to(*store_, layer);
    if (!same) return same.error().message();
    return *same ? "" : "its files are not what its blob has";
  }

  Result<void> check_layers(unsigned jobs) {
    const std::vector<store::LayerInfo> layers = TRY(store_->layers().list());
    report_.layers = layers.size();
    in_parallel(layers, jobs, [&](const store::LayerInfo& layer) {
      const std::string what = layer_defect(layer);
      if (what.empty()) return;
      found(Defect::Subject::layer, layer.diff_id.str(), what);
      const std::lock_guard lock(mutex_);
      wrong_layers_.emplace(layer.diff_id.hex(), layer);
    });
    std::set<std::string> known;
    for (const auto& layer : layers) known.insert(layer.diff_id.hex());
    const os::Dir folder = TRY(os::Dir::open(store_->paths().layers()));
    const std::vector<os::DirEntry> entries = TRY(folder.list());
    for (const auto& entry : entries) {
      // That of an image whose layer is damaged is kept; the image is named.
      if (known.contains(entry.name) || needed_layers_.contains(entry.name)) continue;
      found(Defect::Subject::layer, "sha256:" + entry.name,
            "a directory that the index does not have");
    }
    return {};
  }

  Result<void> check_records() {
    const std::vector<store::RecordSummary> records = TRY(store_->records().list());
    report_.records = records.size();
    std::map<std::string, std::string> lists;  // what is wrong with an input list, by its digest
    for (const auto& record : records) {
      auto at = lists.find(record.inputs_digest);
      if (at == lists.end()) {
        std::string what;
        const auto list = store_->records().input_list(record.inputs_digest);
        if (!list) {
          what = "its input list is not there";
        } else if (store::inputs_digest(*list) != record.inputs_digest) {
          what = "its input list is damaged";
        }
        at = lists.emplace(record.inputs_digest, what).first;
      }
      // That its layer is gone is no defect: such a record only explains.
      if (at->second.empty()) continue;
      found(Defect::Subject::record, record.key, record.instruction + ": " + at->second);
      wrong_records_.push_back(record.key);
    }
    return {};
  }

  Result<void> check_images() {
    report_.images = images_.size();
    for (const auto& image : images_) {
      const std::string name = image.names.empty() ? image.id.str() : image.names.front();
      std::string what;
      const auto config = store_->images().config(image);
      const auto manifests = TRY(store_->images().manifests_of(image));
      for (const auto& digest : manifests) {
        const auto manifest = store_->blobs().read(digest);
        if (!manifest) what = manifest.error().message();
      }
      if (!config) {
        what = config.error().message();
      } else if (what.empty()) {
        for (const auto& layer : config->diff_ids) {
          const auto info = TRY(store_->layers().find(layer));
          if (!info) what = "its layer " + layer.str() + " is not in the store";
          if (wrong_layers_.contains(layer.hex()))
            what = "its layer " + layer.str() + " is damaged";
        }
        const auto recorded = TRY(store_->images().layers_of(image));
        if (what.empty() && recorded != config->diff_ids)
          what = "the index has other layers of it than its config";
      }
      if (!what.empty()) found(Defect::Subject::image, name, what);
    }
    return {};
  }

  /// From its blob, if that is sound; else nobody uses what is there any more.
  Result<bool> make_again(const store::LayerInfo& layer) {
    const auto blob = layer.blob;
    const bool sound =
        blob && !wrong_blobs_.contains(blob->digest.hex()) && store_->blobs().has(blob->digest);
    TRY(store_->layers().distrust(layer.diff_id));
    if (!sound) return false;
    const auto open = [&] { return store_->blobs().open_source(blob->digest); };
    return apply_layer(*store_, open, layer.diff_id, layer.tar_size).ok();
  }

  Result<void> drop() {
    TRY(store_->records().remove(wrong_records_));
    std::set<std::string> mended;
    for (const auto& [hex, layer] : wrong_layers_) {
      const bool again = TRY(make_again(layer));
      if (again) mended.insert(hex);
      TRY(store_->records().forget_runs_with(layer.diff_id));
    }
    for (const auto& hex : wrong_blobs_) {
      if (!needed_blobs_.contains(hex)) os::remove_file(store_->paths().blobs() + "/" + hex);
    }
    TRY(store_->delete_unused_layers());
    const auto gone = [](const os::Dir& folder, const std::string& name) {
      const auto info = folder.find(name.substr(7));
      return info.ok() && !*info;
    };
    const os::Dir layers = TRY(os::Dir::open(store_->paths().layers()));
    const os::Dir blobs = TRY(os::Dir::open(store_->paths().blobs()));
    for (auto& defect : report_.defects) {
      if (defect.subject == Defect::Subject::record) defect.repaired = true;
      if (defect.subject == Defect::Subject::layer)
        defect.repaired = mended.contains(defect.name.substr(7)) || gone(layers, defect.name);
      if (defect.subject == Defect::Subject::blob) defect.repaired = gone(blobs, defect.name);
    }
    return {};
  }

  store::Store* store_;
  Repair repair_;
  std::vector<store::Image> images_;
  std::set<std::string> needed_blobs_, needed_layers_;
  std::vector<std::string> wrong_records_;
  std::mutex mutex_;
  CheckReport report_;                                    // guarded by mutex_ while threads run
  std::set<std::string> wrong_blobs_;                     // likewise
  std::map<std::string, store::LayerInfo> wrong_layers_;  // likewise
};

}  // namespace

Result<CheckReport> check_store(store::Store& store, Repair repair, unsigned jobs) {
  return Check(store, repair).run(jobs);
}

}  // namespace kiln::snapshot
