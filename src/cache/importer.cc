// SPDX-License-Identifier: Apache-2.0
#include "cache/importer.h"

#include <algorithm>

#include "archive/byte_pipe.h"
#include "base/sha256.h"
#include "snapshot/layer_apply.h"

namespace kiln::cache {
namespace {

/// A blob that is fetched, on a thread of its own, while it is read.
class FetchedBlob final : public archive::ByteSource {
 public:
  FetchedBlob(Storage& storage, const oci::Descriptor& blob, const std::stop_token& stop)
      : blob_(blob), thread_([this, &storage, stop] {
          pipe_.finish(storage.fetch_blob(blob_, pipe_.sink(), stop));
        }) {}
  ~FetchedBlob() override {
    pipe_.abandon(Error(ErrorKind::cancelled, "no longer wanted"));
    thread_.join();
  }
  Result<std::size_t> read(archive::MutableBytes into) override {
    return pipe_.source().read(into);
  }

 private:
  oci::Descriptor blob_;
  archive::BytePipe pipe_;
  std::jthread thread_;
};

}  // namespace

Importer::~Importer() {
  ahead_.request_stop();
  if (ahead_.joinable()) ahead_.join();
}

void Importer::learn(std::vector<CachedStep> steps) {
  const std::lock_guard lock(mutex_);
  for (auto& step : steps) {
    std::string key = step.key;
    known_.try_emplace(std::move(key), std::move(step));
  }
}

void Importer::fail(const Error& error) {
  {
    const std::lock_guard lock(mutex_);
    if (std::exchange(off_, true)) return;
  }
  if (error.kind() != ErrorKind::cancelled)
    warn_("cache import from " + place() + " ended: " + error.message());
}

void Importer::read_ahead(const std::string& build_tag, ReadAhead more) {
  reading_ahead_ = true;
  ahead_ = std::jthread([this, build_tag, more = std::move(more)](const std::stop_token& stop) {
    const auto read = [&]() -> Result<void> {
      const auto manifest = TRY(storage_->find_manifest(build_tag, stop));
      if (manifest) {
        std::vector<CachedStep> steps = TRY(parse_step_manifest(*manifest));
        learn(std::move(steps));
      }
      if (!more) return {};
      BuildkitContents contents = TRY(more(*storage_, stop));
      learn(std::move(contents.steps));
      const std::lock_guard lock(mutex_);
      records_ = std::move(contents.records);
      return {};
    };
    const auto done = read();
    if (!done) fail(done.error());
    {
      const std::lock_guard lock(mutex_);
      reading_ahead_ = false;
    }
    changed_.notify_all();
  });
}

Result<std::optional<CachedStep>> Importer::look_up(const std::string& key,
                                                    const std::stop_token& stop) {
  const auto manifest = TRY(storage_->find_manifest(key, stop));
  if (!manifest) return std::optional<CachedStep>();
  std::vector<CachedStep> steps = TRY(parse_step_manifest(*manifest));
  // Whatever the name says: only what the manifest itself says of this key counts.
  const auto found = std::ranges::find(steps, key, &CachedStep::key);
  if (found == steps.end()) return corrupt("what stands under " + key + " is of another step");
  return std::optional(std::move(*found));
}

std::optional<solver::ImportedStep> Importer::find(const std::string& key,
                                                   const std::stop_token& stop) {
  const auto as_step = [](const std::optional<CachedStep>& step) {
    std::optional<solver::ImportedStep> out;
    if (step) out = {step->layer, step->created, step->milliseconds};
    return out;
  };
  if (!is_ready(stop)) return std::nullopt;
  {
    const std::lock_guard lock(mutex_);
    const auto known = known_.find(key);
    if (known != known_.end()) return as_step(known->second);
  }
  auto found = look_up(key, stop);
  if (!found) {
    fail(found.error());
    return std::nullopt;
  }
  const std::lock_guard lock(mutex_);
  return as_step(known_.try_emplace(key, *std::move(found)).first->second);
}

bool Importer::is_ready(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, stop, [&] { return !reading_ahead_; });
  return !stop.stop_requested() && !off_;
}

std::map<llb::VertexId, solver::OfferedStep> Importer::offers(
    solver::SolveContext& context, const llb::Graph& graph,
    const std::vector<llb::VertexId>& targets, const std::stop_token& stop) {
  std::map<llb::VertexId, solver::OfferedStep> out;
  matches_.clear();
  if (!is_ready(stop)) return out;
  auto matches = match_buildkit_records(records_, context, graph, targets, host_, stop);
  // What can't be read is the matter of the step that reads it.
  if (!matches) return out;
  matches_ = *std::move(matches);
  for (const auto& [vertex, match] : matches_) {
    solver::OfferedStep step;
    std::string name = "buildkit";
    for (const auto& layer : match.outcome.layers) {
      step.layers.push_back(layer.diff_id);
      name += "\n" + layer.diff_id.str();
    }
    step.name = to_hex(sha256(name));
    step.created = match.outcome.created;
    out.emplace(vertex, std::move(step));
  }
  return out;
}

bool Importer::take_offer(solver::SolveContext& context, llb::VertexId vertex,
                          const std::string& key, const std::stop_token& stop) {
  const auto found = matches_.find(vertex);
  if (found == matches_.end()) return false;
  const auto unchanged = is_unchanged(context, found->second.files, stop);
  if (!unchanged || !*unchanged) return false;
  const BuildkitLayer& top = found->second.outcome.layers.back();
  CachedStep step;
  step.key = key;
  step.layer = top.diff_id;
  step.blob = top.blob;
  step.blob.annotations.clear();
  step.created = found->second.outcome.created;
  const std::lock_guard lock(mutex_);
  known_.insert_or_assign(key, std::move(step));
  return true;
}

bool Importer::has_layer(const std::string& key) {
  const std::lock_guard lock(mutex_);
  const auto known = known_.find(key);
  return known == known_.end() || !known->second || known->second->has_layer();
}

Result<void> Importer::fetch_layer(const std::string& key, const std::stop_token& stop) {
  CachedStep step;
  {
    const std::lock_guard lock(mutex_);
    if (off_) return Error(ErrorKind::unreachable, "the cache is no longer read");
    const auto known = known_.find(key);
    // It may have been found in the store, where it has been pruned since.
    if (known == known_.end() || !known->second)
      return Error(ErrorKind::not_found, "it was not asked for its step");
    step = *known->second;
  }
  const snapshot::OpenSource open = [&]() -> Result<std::unique_ptr<archive::ByteSource>> {
    return std::unique_ptr<archive::ByteSource>(
        std::make_unique<FetchedBlob>(*storage_, step.blob, stop));
  };
  auto applied =
      snapshot::apply_layer(*store_, open, step.layer, snapshot::expansion_limit(step.blob), stop);
  if (!applied) {
    // Content that is wrong is the matter of one step; a server that fails is that of all.
    const ErrorKind kind = applied.error().kind();
    const bool of_the_cache = kind == ErrorKind::unreachable || kind == ErrorKind::timed_out ||
                              kind == ErrorKind::interrupted || kind == ErrorKind::unauthorized ||
                              kind == ErrorKind::permission || kind == ErrorKind::untrusted;
    if (of_the_cache) fail(applied.error());
    return std::move(applied).error();
  }
  return store_->distribution().note_layer_blob(step.layer, step.blob);
}

}  // namespace kiln::cache
