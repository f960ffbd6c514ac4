// SPDX-License-Identifier: Apache-2.0
#include "solver/imported_layers.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <thread>

#include "base/sha256.h"

namespace kiln::solver {
namespace {

constexpr std::size_t kAtOnce = 4;

}  // namespace

std::string ImportedLayers::local_key(const std::string& place, const std::string& key) {
  return std::string(store::kImportedPrefix) + to_hex(sha256(place + "\n" + key));
}

Result<bool> ImportedLayers::is_there(const oci::DiffId& layer) const {
  const auto found = TRY(store_->layers().find(layer));
  return found.has_value();
}

std::shared_ptr<ImportedLayers::Layer> ImportedLayers::find(const oci::DiffId& layer) const {
  const std::lock_guard lock(mutex_);
  const auto found = layers_.find(layer);
  return found == layers_.end() ? nullptr : found->second;
}

Result<void> ImportedLayers::keep(const std::vector<Promise>& promises) {
  for (const auto& promise : promises) {
    store::CacheRecord record = promise.record;
    record.key = local_key(promise.from->place(), record.key);
    TRY(store_->records().put(record));
  }
  return {};
}

Result<void> ImportedLayers::expect(CacheImport& from, const std::string& key_there,
                                    const store::CacheRecord& record) {
  const bool there = TRY(is_there(*record.layer));
  if (there) return keep({{&from, key_there, record}});
  const std::lock_guard lock(mutex_);
  auto& layer = layers_[*record.layer];
  if (layer == nullptr) layer = std::make_shared<Layer>();
  layer->promises.push_back({&from, key_there, record});
  return {};
}

/// A promise that can't be kept is not believed again. One remark on a cache is enough.
void ImportedLayers::take_back(const Promise& promise, const std::string& why) {
  const std::string& place = promise.from->place();
  const std::lock_guard lock(mutex_);
  took_back_ = true;
  distrusted_.emplace(place, promise.key_there);
  if (!why.empty() && remarked_.insert(place).second)
    remarks_.push_back("cache import from " + place + ": " + why + "; its step runs");
}

Result<void> ImportedLayers::ensure_one(const oci::DiffId& layer, const std::stop_token& stop) {
  const auto entry = find(layer);
  CHECK(entry != nullptr);
  const std::lock_guard fetching(entry->fetching);
  std::vector<Promise> promises;
  {
    const std::lock_guard lock(mutex_);
    promises = entry->promises;
  }
  bool there = TRY(is_there(layer));
  if (there && promises.empty()) return {};
  for (const auto& promise : promises) {
    if (there) break;
    const std::string& key = promise.key_there;
    if (is_distrusted(*promise.from, key)) continue;
    if (!promise.from->has_layer(key)) {
      take_back(promise);
      continue;
    }
    const auto fetched = promise.from->fetch_layer(key, stop);
    if (fetched) {
      there = true;
      break;
    }
    if (stop.stop_requested() || fetched.error().kind() == ErrorKind::cancelled) return cancelled();
    // A full disk is no fault of the cache's, and running the step again would not help.
    if (fetched.error().kind() == ErrorKind::no_space) return fetched;
    take_back(promise, "layer " + layer.short_hex() + ": " + fetched.error().message());
  }
  if (!there) {
    return Error(ErrorKind::interrupted, "layer " + layer.short_hex() +
                                             " of a cached step can't be fetched: the step runs");
  }
  TRY(keep(promises));
  const std::lock_guard lock(mutex_);
  entry->promises.clear();
  return {};
}

Result<void> ImportedLayers::ensure(const std::vector<oci::DiffId>& layers,
                                    const std::stop_token& stop) {
  std::vector<oci::DiffId> wanted;
  for (const auto& layer : layers) {
    if (find(layer) != nullptr && std::ranges::find(wanted, layer) == wanted.end())
      wanted.push_back(layer);
  }
  if (wanted.empty()) return {};
  std::atomic<std::size_t> next = 0;
  std::mutex mutex;
  std::optional<Error> failure;
  const auto work = [&] {
    for (std::size_t i = next++; i < wanted.size(); i = next++) {
      auto done = ensure_one(wanted[i], stop);
      const std::lock_guard lock(mutex);
      if (!done && !failure) failure = std::move(done).error();
    }
  };
  {
    std::vector<std::jthread> others;
    for (std::size_t i = 1; i < std::min(kAtOnce, wanted.size()); ++i) others.emplace_back(work);
    work();
  }
  if (failure) return *std::move(failure);
  return {};
}

bool ImportedLayers::is_distrusted(const CacheImport& from, const std::string& key) const {
  const std::lock_guard lock(mutex_);
  return distrusted_.contains({from.place(), key});
}

bool ImportedLayers::took_back() {
  const std::lock_guard lock(mutex_);
  return std::exchange(took_back_, false);
}

bool ImportedLayers::has_taken_back() const {
  const std::lock_guard lock(mutex_);
  return took_back_;
}

std::vector<std::string> ImportedLayers::take_remarks() {
  const std::lock_guard lock(mutex_);
  return std::exchange(remarks_, {});
}

}  // namespace kiln::solver
