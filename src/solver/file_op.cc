// SPDX-License-Identifier: Apache-2.0
#include "solver/file_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "solver/add_archive.h"
#include "solver/copy_selection.h"
#include "solver/explain.h"
#include "solver/file_plan.h"
#include "solver/step_key.h"
#include "solver/step_lock.h"

namespace kiln::solver {
namespace {

/// Up to here files are read for the key first; beyond, reading and copying are one pass, and a key
/// that turns out to be known is the rarer case.
constexpr std::size_t kReadFirstFiles = 256;
constexpr std::uint64_t kReadFirstBytes = std::uint64_t{16} << 20;

class FileStep {
 public:
  FileStep(SolveContext& context, const StepInputs& inputs, const llb::FileOp& op)
      : context_(&context), inputs_(&inputs), op_(&op), operation_(llb::encode(op)) {}

  Result<StepOutcomeResult> run() {
    const auto started = std::chrono::steady_clock::now();
    const std::vector<oci::DiffId>& base = inputs_->results.front()->layers;
    append_layers("layer", base, definition_inputs_);
    // From another stage: known by its layers, before any file is looked at.
    const bool fixed_sources = sources_are_layers();
    if (fixed_sources) {
      for (std::size_t i = 1; i < inputs_->results.size(); ++i)
        append_layers(fmt::format("source{}", i), inputs_->results[i]->layers, definition_inputs_);
      definition_key_ = content_key_ = step_key(operation_, definition_inputs_);
      auto hit = TRY(look_up());
      if (hit) return *std::move(hit);
      for (std::size_t i = 1; i < inputs_->results.size(); ++i) {
        const auto& layers = inputs_->results[i]->layers;
        if (context_->steps == Steps::look_up && are_away(*context_, layers))
          return missed_step(explain());
        TRY(context_->ensure_layers(layers, inputs_->stop));
      }
    }
    TRY(open_sources());
    const bool looks_up_only = context_->steps == Steps::look_up;
    bool read_first = false;
    // What is recalled is listed only if it has to be copied, or a record elsewhere may be taken
    // over, whose inputs are kept with it.
    for (const Recall recall : {Recall::use, Recall::ignore}) {
      if (recall == Recall::use && !context_->imports.empty()) continue;
      const Unread unread = TRY(select(recall));
      read_first = looks_up_only || !context_->imports.empty() ||
                   (unread.files <= kReadFirstFiles && unread.bytes <= kReadFirstBytes);
      if (read_first) {
        auto known = TRY(find_by_content());
        if (known) return *std::move(known);
      }
      if (!recalled()) break;
    }
    if (!read_first) {
      TRY(lock(reading_key()));
      // Who had it has copied the same files: what they hold is worth knowing first now.
      read_first = lock_->has_waited();
      if (read_first) TRY(make_content_key());
    }
    const bool has_archives = TRY(find_archives());
    if (read_first) {
      TRY(lock(content_key_));
      if (lock_->held()) {
        auto known = TRY(find_known());
        if (known) return *std::move(known);
      }
      auto planned = TRY(plan_and_find(has_archives));
      if (planned) return *std::move(planned);
      MissReason reason = explain();
      if (looks_up_only) return missed_step(std::move(reason));
    }
    if (!plan_) TRY(make_plan());
    StepOutcomeResult made = TRY(write_layer());
    if (!read_first) {
      auto known = TRY(find_by_content());
      const bool asks_plan = !known && !has_archives;
      if (asks_plan) known = TRY(find_by_plan());
      if (known) return *std::move(known);
      explain();
    }
    made.milliseconds = milliseconds_since(started);
    TRY(keep_made(made));
    note_selections();
    return made;
  }

 private:
  // --- sources

  Result<void> open_sources() {
    for (std::size_t i = 1; i < inputs_->results.size(); ++i) {
      const StepResult& result = *inputs_->results[i];
      if (!result.local_context.empty()) {
        sources_.push_back(&context_->context_tree(result.local_context));
        continue;
      }
      snapshot::LayerView view =
          TRY(snapshot::LayerView::open(context_->store.layers(), result.layers));
      owned_.push_back(std::make_unique<LayerTree>(std::move(view)));
      sources_.push_back(owned_.back().get());
    }
    opened_ = true;
    return {};
  }
  SourceTree& source(const llb::CopyAction& copy) { return *sources_[copy.source - 1]; }
  /// Finds what is to be copied, and what is known of it.
  Result<Unread> select(Recall recall) {
    Unread unread;
    record_.reset();
    selections_.clear();
    next_group_ = 0;
    for (const auto& action : op_->actions) {
      const auto* copy = std::get_if<llb::CopyAction>(&action);
      if (copy == nullptr) continue;
      Selection selection = TRY(select_files(source(*copy), *copy, next_group_, recall));
      const Unread more = TRY(recall_facts(source(*copy), selection));
      unread.files += more.files;
      unread.bytes += more.bytes;
      selections_.push_back(std::move(selection));
    }
    return unread;
  }
  /// Notes what ADD unpacks, and whether there is any: a plan of it is done at once.
  Result<bool> find_archives() {
    bool any = false;
    std::size_t at = 0;
    for (const auto& action : op_->actions) {
      const auto* copy = std::get_if<llb::CopyAction>(&action);
      if (copy == nullptr) continue;
      Selection& selection = selections_[at++];
      if (!copy->unpack) continue;
      for (Match& match : selection.matches) {
        match.is_archive = TRY(is_archive(source(*copy), match.files.front().entry));
        any = any || match.is_archive;
      }
    }
    return any;
  }
  bool recalled() const {
    return std::ranges::any_of(selections_, [](const Selection& selection) {
      return std::ranges::any_of(selection.matches,
                                 [](const Match& match) { return match.recalled.has_value(); });
    });
  }
  Result<void> read_sources() {
    std::size_t at = 0;
    for (const auto& action : op_->actions) {
      if (const auto* copy = std::get_if<llb::CopyAction>(&action))
        TRY(read_facts(source(*copy), selections_[at++]));
    }
    return {};
  }
  void note_selections() {
    std::size_t at = 0;
    for (const auto& action : op_->actions) {
      if (const auto* copy = std::get_if<llb::CopyAction>(&action))
        note_selection(source(*copy), selections_[at++]);
    }
  }
  bool sources_are_layers() const {
    return std::ranges::all_of(
        inputs_->results, [](const StepResult* result) { return result->local_context.empty(); });
  }

  // --- cache

  Result<void> lock(const std::string& key) {
    StepLock lock = TRY(StepLock::acquire(*context_, *inputs_, key));
    lock_.emplace(std::move(lock));
    return {};
  }
  /// What stands for the content key while the files are not read: the step, and whose files it
  /// takes.
  std::string reading_key() const {
    store::InputList inputs = definition_inputs_;
    inputs.add("place", step_place(*context_, inputs_->vertex));
    return step_key(operation_, inputs);
  }

  Result<std::optional<StepOutcomeResult>> find_by_content() {
    TRY(make_content_key());
    return find_known();
  }
  Result<void> make_content_key() {
    TRY(read_sources());
    content_key();
    return {};
  }
  /// The result that is kept under the content key.
  Result<std::optional<StepOutcomeResult>> find_known() {
    auto hit = TRY(look_up());
    if (!hit) return hit;
    // The next build finds the step by its definition at once.
    if (context_->steps == Steps::run && !definition_key_.empty()) TRY(keep(*hit, definition_key_));
    note_selections();
    return hit;
  }

  const std::string& content_key() {
    content_key_ = step_key(operation_, content_inputs(append_digests));
    return content_key_;
  }

  /// What an earlier reading of the files came to is not this result's.
  void forget_key() {
    if (content_key_.empty()) return;
    content_key_.clear();
    for (Selection& selection : selections_) {
      for (Match& match : selection.matches) match.digest.reset();
    }
  }

  /// The step's inputs, those of its selections as `append` gives them.
  template <typename Append>
  store::InputList content_inputs(Append append) {
    store::InputList out;
    append_layers("layer", inputs_->results.front()->layers, out);
    std::size_t at = 0;
    for (const auto& action : op_->actions) {
      const auto* copy = std::get_if<llb::CopyAction>(&action);
      if (copy == nullptr) continue;
      // Which action a file is chosen by is a part of what is copied.
      out.add(fmt::format("action:{}", at), directory_input(*copy, selections_[at]));
      append(selections_[at++], out);
    }
    return out;
  }

  /// What counts of a directory that is copied itself.
  static std::string directory_input(const llb::CopyAction& copy, const Selection& selection) {
    if (!copy.with_directory || selection.matches.empty()) return {};
    return fmt::format("{:o}", selection.matches.front().files.front().entry.info.permissions);
  }

  const std::string& key_made_last() { return content_key_.empty() ? content_key() : content_key_; }
  Result<std::optional<StepOutcomeResult>> look_up() {
    if (inputs_->cache(*context_) == UseCache::ignore) return std::optional<StepOutcomeResult>();
    return find_step(*context_, *inputs_, key_made_last(), [this] { return unfinished_record(); });
  }

  /// Its input list is long: it is made once, as long as the key stays the same.
  const store::CacheRecord& unfinished_record() {
    if (record_ && !content_key_.empty() && record_->key == content_key_) return *record_;
    store::CacheRecord& record = record_.emplace();
    record.key = key_made_last();
    record.instruction = inputs_->vertex.origin.instruction;
    record.place = step_place(*context_, inputs_->vertex);
    record.operation = operation_;
    record.inputs = opened_ ? content_inputs(append_inputs) : definition_inputs_;
    return record;
  }

  MissReason explain() { return report_miss(*context_, *inputs_, unfinished_record()); }

  /// With all of its inputs.
  Result<void> keep(const StepOutcomeResult& outcome, const std::string& key,
                    const std::vector<std::string>& other_keys = {}) {
    unfinished_record();
    store::CacheRecord record = *std::exchange(record_, std::nullopt);
    record.key = key;
    return keep_record(*context_, std::move(record), outcome, other_keys);
  }
  Result<void> keep_made(const StepOutcomeResult& made) {
    std::vector<std::string> others = definition_keys();
    auto plan = TRY(plan_->key());
    if (plan) others.push_back(*std::move(plan));
    return keep(made, key_made_last(), others);
  }
  std::vector<std::string> definition_keys() const {
    return definition_key_.empty() ? std::vector<std::string>() : std::vector{definition_key_};
  }

  /// Plans what is not known by its key; nullopt if that says nothing yet.
  Result<std::optional<StepOutcomeResult>> plan_and_find(bool has_archives) {
    const std::optional<StepOutcomeResult> nothing;
    const bool looks_up_only = context_->steps == Steps::look_up;
    // What would have to be fetched for the plan is not, where the step is only looked up.
    if (has_archives || (looks_up_only && are_away(*context_, inputs_->results.front()->layers)))
      return nothing;
    const auto planned = make_plan();
    // What can't be planned is told when it is built.
    if (!planned && looks_up_only) return nothing;
    TRY(planned);
    return find_by_plan();
  }
  /// Once it is planned: what would be written may have been written over other layers before.
  Result<std::optional<StepOutcomeResult>> find_by_plan() {
    if (inputs_->cache(*context_) == UseCache::ignore) return std::optional<StepOutcomeResult>();
    const auto key = TRY(plan_->key());
    if (!key) return std::optional<StepOutcomeResult>();
    auto hit = TRY(find_step(*context_, *inputs_, *key, [this] { return unfinished_record(); }));
    if (!hit || context_->steps != Steps::run) return hit;
    TRY(keep(*hit, content_key_, definition_keys()));
    note_selections();
    return hit;
  }

  // --- the layer

  Result<void> make_plan() {
    plan_ = TRY(FilePlan::make(*context_, *inputs_, {*op_, sources_, selections_}));
    if (plan_->has_read_other()) forget_key();
    return {};
  }
  Result<StepOutcomeResult> write_layer() {
    StepOutcomeResult made = TRY(plan_->write());
    if (plan_->has_read_other()) forget_key();
    return made;
  }

  SolveContext* context_;
  const StepInputs* inputs_;
  const llb::FileOp* op_;
  std::string operation_;
  bool opened_ = false;
  std::vector<SourceTree*> sources_;
  std::vector<std::unique_ptr<LayerTree>> owned_;
  std::vector<Selection> selections_;
  std::size_t next_group_ = 0;
  std::string definition_key_, content_key_;
  std::optional<StepLock> lock_;
  store::InputList definition_inputs_;
  std::optional<store::CacheRecord> record_;  ///< by what is known so far
  std::unique_ptr<FilePlan> plan_;
};

}  // namespace

Result<StepOutcomeResult> run_file_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::FileOp& op) {
  return FileStep(context, inputs, op).run();
}

}  // namespace kiln::solver
