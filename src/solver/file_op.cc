// SPDX-License-Identifier: Apache-2.0
#include "solver/file_op.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <utility>

#include "base/strings.h"
#include "llb/file_mode.h"
#include "os/system.h"
#include "snapshot/layer_builder.h"
#include "solver/add_archive.h"
#include "solver/copy_selection.h"
#include "solver/explain.h"
#include "solver/owner.h"
#include "solver/step_key.h"
#include "solver/step_lock.h"

namespace kiln::solver {
namespace {

/// Up to here files are read for the key first; beyond, reading and copying are one pass, and a key
/// that turns out to be known is the rarer case.
constexpr std::size_t kReadFirstFiles = 256;
constexpr std::uint64_t kReadFirstBytes = std::uint64_t{16} << 20;
/// Files, from which on a layer is compared with the one before it.
constexpr std::size_t kWorthComparing = 64;
/// So many earlier runs are looked at for one whose layer is still there.
constexpr std::size_t kEarlierRuns = 8;
using snapshot::Last;
using snapshot::LayerBuilder;
using snapshot::Metadata;

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
    if (read_first) {
      StepLock lock = TRY(StepLock::acquire(*context_, *inputs_, content_key_));
      lock_.emplace(std::move(lock));
      if (lock_->held()) {
        auto known = TRY(find_known());
        if (known) return *std::move(known);
      }
      MissReason reason = explain();
      if (looks_up_only) return missed_step(std::move(reason));
    }
    TRY(context_->ensure_layers(base, inputs_->stop));
    StepOutcomeResult made = TRY(make_layer(base));
    if (!read_first) {
      auto known = TRY(find_by_content());
      if (known) return *std::move(known);
      explain();
    }
    const auto elapsed = std::chrono::steady_clock::now() - started;
    TRY(record(made, std::chrono::duration_cast<std::chrono::milliseconds>(elapsed).count()));
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

  Result<std::optional<StepOutcomeResult>> find_by_content() {
    TRY(read_sources());
    content_key();
    return find_known();
  }
  /// The result that is kept under the content key.
  Result<std::optional<StepOutcomeResult>> find_known() {
    auto hit = TRY(look_up());
    if (!hit) return hit;
    if (context_->steps == Steps::run) TRY(alias_definition(*hit));
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

  /// By the key that was made last.
  Result<std::optional<StepOutcomeResult>> look_up() {
    if (inputs_->cache(*context_) == UseCache::ignore) return std::optional<StepOutcomeResult>();
    const std::string& key = content_key_.empty() ? content_key() : content_key_;
    return find_step(*context_, *inputs_, key, [this] { return unfinished_record(); });
  }

  /// Its input list is long: it is made once, as long as the key stays the same.
  const store::CacheRecord& unfinished_record() {
    if (record_ && !content_key_.empty() && record_->key == content_key_) return *record_;
    store::CacheRecord& record = record_.emplace();
    record.key = content_key_.empty() ? content_key() : content_key_;
    record.instruction = inputs_->vertex.origin.instruction;
    record.place = step_place(*context_, inputs_->vertex);
    record.operation = operation_;
    record.inputs = opened_ ? content_inputs(append_inputs) : definition_inputs_;
    return record;
  }

  MissReason explain() { return report_miss(*context_, *inputs_, unfinished_record()); }

  Result<void> record(const StepOutcomeResult& made, std::int64_t milliseconds) {
    unfinished_record();
    store::CacheRecord record = *std::exchange(record_, std::nullopt);
    record.milliseconds = milliseconds;
    if (definition_key_.empty()) return keep_record(*context_, std::move(record), made);
    TRY(keep_record(*context_, record, made));
    record.key = definition_key_;
    return keep_record(*context_, std::move(record), made);
  }

  /// The next build finds the step by its definition at once.
  Result<void> alias_definition(const StepOutcomeResult& hit) {
    if (definition_key_.empty()) return {};
    store::CacheRecord record = unfinished_record();
    record.key = definition_key_;
    return keep_record(*context_, std::move(record), hit);
  }

  // --- the layer

  Result<StepOutcomeResult> make_layer(const std::vector<oci::DiffId>& base) {
    base_ = TRY(snapshot::LayerView::open(context_->store.layers(), base));
    LayerBuilder builder =
        TRY(LayerBuilder::create(*base_, {mtime_limit(), op_->mtime, inputs_->stop}));
    std::size_t at = 0;
    for (const auto& action : op_->actions) {
      if (const auto* copy = std::get_if<llb::CopyAction>(&action)) {
        TRY(apply(builder, *copy, selections_[at++]));
      } else if (const auto* mkdir = std::get_if<llb::MkdirAction>(&action)) {
        TRY(apply(builder, *mkdir));
      } else {
        TRY(apply(builder, std::get<llb::InlineFileAction>(action)));
      }
    }
    if (inputs_->stop.stop_requested()) return cancelled();
    store::LayerIngest ingest = TRY(context_->store.layers().create());
    const TimePoint before = os::wall_clock();
    const auto earlier = TRY(earlier_layer());
    const snapshot::ContentSeen seen = [&](std::size_t tag, const os::FileInfo& as_read,
                                           const Sha256Bytes& digest) {
      note_content(tag, as_read, digest, before);
    };
    const store::LayerInfo info = TRY(builder.write(ingest, seen, earlier ? &*earlier : nullptr));
    context_->report_whiteouts(inputs_->id, builder.adopted_whiteouts());
    TRY(context_->store.layers().commit(std::move(ingest), info));
    spread_group_facts();
    StepOutcomeResult out;
    out.result.layers = base;
    out.result.layers.push_back(info.diff_id);
    out.result.created = os::wall_clock();
    return out;
  }

  std::optional<snapshot::MtimeLimit> mtime_limit() const {
    if (!op_->mtime) return std::nullopt;
    return snapshot::MtimeLimit{*op_->mtime, op_->all_mtimes};
  }

  /// What the step made when it ran last, if there is enough in it to be worth a comparison.
  Result<std::optional<snapshot::EarlierLayer>> earlier_layer() const {
    std::optional<snapshot::EarlierLayer> none;
    if (tagged_.size() < kWorthComparing || inputs_->cache(*context_) == UseCache::ignore)
      return none;
    const std::vector<store::EarlierRecord> records =
        TRY(earlier_runs(*context_, inputs_->vertex, kEarlierRuns));
    for (const auto& record : records) {
      if (!record.layer) continue;
      auto earlier = snapshot::find_earlier_layer(context_->store.layers(), *record.layer);
      if (earlier) return earlier;
    }
    return none;
  }

  void note_content(std::size_t tag, const os::FileInfo& as_read, const Sha256Bytes& digest,
                    const TimePoint& before) {
    const auto& [file, tree] = tagged_[tag];
    // Also for a name that was known: its other names may not be.
    if (file->link_group) group_content_[{tree, *file->link_group}] = digest;
    if (file->facts_known && file->facts.content == digest) return;
    forget_key();
    // A file that changed under our hands counts as what was copied.
    file->facts.content = digest;
    file->facts_known = true;
    tree->remember(file->entry, as_read, file->facts, before);
  }

  /// Further names of a file that was read once.
  void spread_group_facts() {
    for (auto& [file, tree] : tagged_) {
      if (file->facts_known || !file->link_group) continue;
      const auto known = group_content_.find({tree, *file->link_group});
      if (known == group_content_.end()) continue;
      file->facts.content = known->second;
      file->facts_known = true;
    }
  }

  Result<Owner> owner_of(const std::string& text) {
    Owner owner = TRY(resolve_owner(*base_, text));
    if (!owner.unknown_names.empty() && inputs_->results.front()->layers.empty())
      return Error(invalid_input(fmt::format("no user or group \"{}\": there is no file system yet "
                                             "to look it up in",
                                             owner.unknown_names.front())))
          .with_hint("in scratch, and with --link, owners are numbers");
    for (const auto& name : owner.unknown_names)
      context_->report(StepNote{
          inputs_->id, fmt::format("warning: the image has no \"{}\": 0 is used instead", name)});
    return owner;
  }

  Result<void> apply(LayerBuilder& builder, const llb::MkdirAction& mkdir) {
    const Owner owner = TRY(owner_of(mkdir.owner));
    const os::RelPath path = TRY(builder.resolve(mkdir.path, Last::follow));
    return builder.make_directories(path, mkdir.mode, owner.uid, owner.gid);
  }

  /// Where a destination leads: its parents, or itself if it ends in a slash, are made.
  Result<os::RelPath> prepare_destination(LayerBuilder& builder, const std::string& destination,
                                          const std::string& chmod, const Owner& owner) {
    std::string needed = destination;
    needed.erase(needed.find_last_of('/'));
    const os::RelPath parent = TRY(builder.resolve(needed, Last::follow));
    TRY(builder.make_directories(parent, made_directory_mode(chmod), owner.uid, owner.gid));
    return builder.resolve(destination, Last::follow);
  }

  static std::uint32_t changed_mode(const std::string& chmod, std::uint32_t old,
                                    llb::IsDirectory directory) {
    return chmod.empty() ? old : llb::apply_mode(chmod, old, directory);
  }
  /// An octal --chmod is also the mode of directories that have to be made on the way, less its
  /// umask, as in BuildKit; a symbolic one changes only what is there.
  static std::uint32_t made_directory_mode(const std::string& chmod) {
    const auto octal = parse_uint(chmod, 8);
    return octal ? static_cast<std::uint32_t>(*octal & 0755) : 0755;
  }

  Result<bool> is_directory(LayerBuilder& builder, const os::RelPath& path) {
    const auto there = TRY(builder.find(path));
    return there && there->type == os::FileType::directory;
  }

  Result<void> apply(LayerBuilder& builder, const llb::InlineFileAction& file) {
    const Owner owner = TRY(owner_of(file.chown));
    os::RelPath target = TRY(prepare_destination(builder, file.destination, file.chmod, owner));
    const bool into = TRY(is_directory(builder, target));
    if (into) target = target / file.name;
    Metadata metadata;
    metadata.mode = changed_mode(file.chmod, 0644, llb::IsDirectory::no);
    metadata.uid = owner.uid;
    metadata.gid = owner.gid;
    metadata.mtime = op_->mtime.value_or(0);
    snapshot::FileContent content;
    content.inline_text = file.content;
    return builder.put_file(target, std::move(content), std::move(metadata));
  }

  Result<void> apply(LayerBuilder& builder, const llb::CopyAction& copy, Selection& selection) {
    const Owner owner = TRY(owner_of(copy.chown));
    for (Match& match : selection.matches) {
      if (copy.unpack) {
        const bool unpacked = TRY(try_unpack(builder, copy, match, owner));
        if (unpacked) continue;
      }
      TRY(copy_match(builder, copy, match, owner));
    }
    return {};
  }

  Result<void> copy_match(LayerBuilder& builder, const llb::CopyAction& copy, Match& match,
                          const Owner& owner) {
    os::RelPath target = TRY(prepare_destination(builder, copy.destination, copy.chmod, owner));
    SelectedFile& top = match.files.front();
    const bool from_directory = top.entry.info.type == os::FileType::directory;
    const bool into = TRY(is_directory(builder, target));
    if (!from_directory && into) target = target / match.name;
    const os::RelPath needed = from_directory ? target : target.parent();
    TRY(builder.make_directories(needed, made_directory_mode(copy.chmod), owner.uid, owner.gid));
    for (SelectedFile& file : match.files) {
      if (file.relative.empty() && from_directory && !copy.with_directory) continue;
      os::RelPath path = target;
      if (!file.relative.empty()) path = os::RelPath::clean(target.str() + "/" + file.relative);
      TRY(put(builder, copy, file, path, owner));
    }
    return {};
  }

  Result<void> put(LayerBuilder& builder, const llb::CopyAction& copy, SelectedFile& file,
                   const os::RelPath& path, const Owner& owner) {
    SourceTree& tree = source(copy);
    const os::FileInfo& info = file.entry.info;
    Metadata metadata;
    metadata.mode = changed_mode(
        copy.chmod, info.permissions,
        info.type == os::FileType::directory ? llb::IsDirectory::yes : llb::IsDirectory::no);
    const bool keep_owner = copy.chown.empty() && tree.keeps_owner();
    metadata.uid = keep_owner ? info.uid : owner.uid;
    metadata.gid = keep_owner ? info.gid : owner.gid;
    metadata.mtime = op_->mtime.value_or(info.mtime);
    metadata.mtime_nanoseconds = op_->mtime ? 0 : info.mtime_nanoseconds;
    metadata.xattrs = decode_xattrs(file.facts.xattrs);
    const auto there = TRY(builder.find(path));
    const bool onto_directory = there && there->type == os::FileType::directory;
    if (info.type == os::FileType::directory) {
      if (there && !onto_directory)
        return invalid_input("cannot copy to non-directory: /" + path.str());
      // BuildKit gives a directory that is there the mode of the one on the way, and nothing else.
      if (file.on_the_way && there) return builder.set_directory_mode(path, info.permissions);
      return builder.put_directory(path, std::move(metadata));
    }
    if (onto_directory)
      return invalid_input("cannot replace to directory /" + path.str() + " with file");
    switch (info.type) {
      case os::FileType::symlink:
        return builder.put_symlink(path, file.entry.link_target, std::move(metadata));
      case os::FileType::fifo:
        return builder.put_fifo(path, std::move(metadata));
      case os::FileType::char_device:
      case os::FileType::block_device:
        return builder.put_device(path,
                                  info.type == os::FileType::block_device
                                      ? archive::EntryType::block_device
                                      : archive::EntryType::char_device,
                                  info.rdev_major, info.rdev_minor, std::move(metadata));
      case os::FileType::socket:
        // In no layer; as in BuildKit, its name is an empty file's.
        return builder.put_file(path, {}, std::move(metadata));
      default:
        break;
    }
    const Located at = TRY(tree.locate(file.entry));
    snapshot::FileContent content;
    content.root = at.root;
    content.path = at.path;
    if (file.facts_known) content.known = {file.facts.content, info.size};
    const std::size_t tag = tagged_.size();
    tagged_.emplace_back(&file, &tree);
    if (file.link_group)
      return builder.put_linked_file(path, std::move(content), std::move(metadata), tag,
                                     *file.link_group);
    return builder.put_file(path, std::move(content), std::move(metadata), tag);
  }

  Result<bool> try_unpack(LayerBuilder& builder, const llb::CopyAction& copy, Match& match,
                          const Owner& owner) {
    SelectedFile& file = match.files.front();
    const bool unpacks = TRY(is_archive(source(copy), file.entry));
    if (!unpacks) return false;
    const os::RelPath target = TRY(builder.resolve(copy.destination, Last::follow));
    TRY(builder.make_directories(target, 0755, owner.uid, owner.gid));
    store::ScratchDir scratch = TRY(context_->store.workspace().create_scratch());
    scratches_.push_back(std::move(scratch));
    snapshot::ArchiveOptions options{.stop = inputs_->stop};
    if (!copy.chown.empty()) options.owner = {owner.uid, owner.gid};
    const TimePoint before = os::wall_clock();
    const Sha256Bytes digest = TRY(
        unpack_archive(source(copy), file.entry, builder, target, scratches_.back().dir(), options)
            .context([&] { return "unpack " + match.name; }));
    if (!file.facts_known || file.facts.content != digest) {
      // What counts is what was unpacked, not what another reading saw.
      forget_key();
      file.facts.content = digest;
      file.facts_known = true;
      source(copy).remember(file.entry, file.entry.info, file.facts, before);
    }
    return true;
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
  std::optional<snapshot::LayerView> base_;
  std::vector<std::pair<SelectedFile*, SourceTree*>> tagged_;
  std::map<std::pair<SourceTree*, std::size_t>, Sha256Bytes> group_content_;
  /// The builder moves files out of these when it writes; a deque, for it points to them.
  std::deque<store::ScratchDir> scratches_;
};

}  // namespace

Result<StepOutcomeResult> run_file_op(SolveContext& context, const StepInputs& inputs,
                                      const llb::FileOp& op) {
  return FileStep(context, inputs, op).run();
}

}  // namespace kiln::solver
