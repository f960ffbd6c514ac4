// SPDX-License-Identifier: Apache-2.0
#include "solver/file_plan.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "llb/file_mode.h"
#include "os/system.h"
#include "solver/add_archive.h"
#include "solver/explain.h"
#include "solver/step_key.h"

namespace kiln::solver {
namespace {

/// Files, from which on a layer is compared with the one before it.
constexpr std::size_t kWorthComparing = 64;
/// So many earlier runs are looked at for one whose layer is still there.
constexpr std::size_t kEarlierRuns = 8;
using snapshot::Last;
using snapshot::LayerBuilder;
using snapshot::Metadata;

std::uint32_t changed_mode(const std::string& chmod, std::uint32_t old,
                           llb::IsDirectory directory) {
  return chmod.empty() ? old : llb::apply_mode(chmod, old, directory);
}
/// An octal --chmod is also the mode of directories that have to be made on the way, less its
/// umask, as in BuildKit; a symbolic one changes only what is there.
std::uint32_t made_directory_mode(const std::string& chmod) {
  const auto octal = parse_uint(chmod, 8);
  return octal ? static_cast<std::uint32_t>(*octal & 0755) : 0755;
}

}  // namespace

Result<std::unique_ptr<FilePlan>> FilePlan::make(SolveContext& context, const StepInputs& inputs,
                                                 Input input) {
  const std::vector<oci::DiffId>& base = inputs.results.front()->layers;
  TRY(context.ensure_layers(base, inputs.stop));
  snapshot::LayerView view = TRY(snapshot::LayerView::open(context.store.layers(), base));
  std::unique_ptr<FilePlan> out(new FilePlan(context, inputs, input, std::move(view)));
  TRY(out->plan());
  return out;
}

Result<void> FilePlan::plan() {
  LayerBuilder builder = TRY(LayerBuilder::create(
      base_, {.mtimes = mtime_limit(),
              .made_mtime = input_.op.mtime.value_or(snapshot::kMadeDirectoryTime),
              .stop = inputs_->stop}));
  builder_.emplace(std::move(builder));
  std::size_t at = 0;
  for (const auto& action : input_.op.actions) {
    if (const auto* copy = std::get_if<llb::CopyAction>(&action)) {
      TRY(apply(*copy, input_.selections[at++]));
    } else if (const auto* mkdir = std::get_if<llb::MkdirAction>(&action)) {
      TRY(apply(*mkdir));
    } else {
      TRY(apply(std::get<llb::InlineFileAction>(action)));
    }
  }
  return {};
}

Result<std::optional<std::string>> FilePlan::key() {
  if (key_) return key_;
  const auto digest = TRY(builder_->digest());
  if (digest) key_ = plan_key(*digest);
  return key_;
}

Result<StepOutcomeResult> FilePlan::write() {
  if (inputs_->stop.stop_requested()) return cancelled();
  store::LayerIngest ingest = TRY(context_->store.layers().create());
  const TimePoint before = os::wall_clock();
  const auto earlier = TRY(earlier_layer());
  const snapshot::ContentSeen seen = [&](std::size_t tag, const os::FileInfo& as_read,
                                         const Sha256Bytes& digest) {
    note_content(tag, as_read, digest, before);
  };
  const store::LayerInfo info = TRY(builder_->write(ingest, seen, earlier ? &*earlier : nullptr));
  context_->report_whiteouts(inputs_->id, builder_->adopted_whiteouts());
  TRY(context_->store.layers().commit(std::move(ingest), info));
  spread_group_facts();
  StepOutcomeResult out;
  out.result.layers = inputs_->results.front()->layers;
  out.result.layers.push_back(info.diff_id);
  out.result.created = os::wall_clock();
  return out;
}

/// What the step made when it ran last, if there is enough in it to be worth a comparison.
Result<std::optional<snapshot::EarlierLayer>> FilePlan::earlier_layer() const {
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

std::optional<snapshot::MtimeLimit> FilePlan::mtime_limit() const {
  if (!input_.op.mtime) return std::nullopt;
  return snapshot::MtimeLimit{*input_.op.mtime, input_.op.all_mtimes};
}

void FilePlan::note_content(std::size_t tag, const os::FileInfo& as_read, const Sha256Bytes& digest,
                            const TimePoint& before) {
  const auto& [file, tree] = tagged_[tag];
  // Also for a name that was known: its other names may not be.
  if (file->link_group) group_content_[{tree, *file->link_group}] = digest;
  if (file->facts_known && file->facts.content == digest) return;
  has_read_other_ = true;
  key_.reset();
  // A file that changed under our hands counts as what was copied.
  file->facts.content = digest;
  file->facts_known = true;
  tree->remember(file->entry, as_read, file->facts, before);
}

/// Further names of a file that was read once.
void FilePlan::spread_group_facts() {
  for (auto& [file, tree] : tagged_) {
    if (file->facts_known || !file->link_group) continue;
    const auto known = group_content_.find({tree, *file->link_group});
    if (known == group_content_.end()) continue;
    file->facts.content = known->second;
    file->facts_known = true;
  }
}

Result<Owner> FilePlan::owner_of(const std::string& text) const {
  Owner owner = TRY(resolve_owner(base_, text));
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

Result<void> FilePlan::apply(const llb::MkdirAction& mkdir) {
  const Owner owner = TRY(owner_of(mkdir.owner));
  const os::RelPath path = TRY(builder_->resolve(mkdir.path, Last::follow));
  return builder_->make_directories(path, mkdir.mode, owner.uid, owner.gid);
}

/// Where a destination leads: its parents, or itself if it ends in a slash, are made.
Result<os::RelPath> FilePlan::prepare_destination(const std::string& destination,
                                                  const std::string& chmod, const Owner& owner) {
  std::string needed = destination;
  needed.erase(needed.find_last_of('/'));
  const os::RelPath parent = TRY(builder_->resolve(needed, Last::follow));
  TRY(builder_->make_directories(parent, made_directory_mode(chmod), owner.uid, owner.gid));
  return builder_->resolve(destination, Last::follow);
}

Result<bool> FilePlan::is_directory(const os::RelPath& path) const {
  const auto there = TRY(builder_->find(path));
  return there && there->type == os::FileType::directory;
}

Result<void> FilePlan::apply(const llb::InlineFileAction& file) {
  const Owner owner = TRY(owner_of(file.chown));
  os::RelPath target = TRY(prepare_destination(file.destination, file.chmod, owner));
  const bool into = TRY(is_directory(target));
  if (into) target = target / file.name;
  Metadata metadata;
  metadata.mode = changed_mode(file.chmod, 0644, llb::IsDirectory::no);
  metadata.uid = owner.uid;
  metadata.gid = owner.gid;
  metadata.mtime = input_.op.mtime.value_or(0);
  snapshot::FileContent content;
  content.inline_text = file.content;
  return builder_->put_file(target, std::move(content), std::move(metadata));
}

Result<void> FilePlan::apply(const llb::CopyAction& copy, Selection& selection) {
  const Owner owner = TRY(owner_of(copy.chown));
  for (Match& match : selection.matches) {
    TRY(match.is_archive ? unpack(copy, match, owner) : copy_match(copy, match, owner));
  }
  return {};
}

Result<void> FilePlan::copy_match(const llb::CopyAction& copy, Match& match, const Owner& owner) {
  os::RelPath target = TRY(prepare_destination(copy.destination, copy.chmod, owner));
  SelectedFile& top = match.files.front();
  const bool from_directory = top.entry.info.type == os::FileType::directory;
  const bool into = TRY(is_directory(target));
  if (!from_directory && into) target = target / match.name;
  const os::RelPath needed = from_directory ? target : target.parent();
  TRY(builder_->make_directories(needed, made_directory_mode(copy.chmod), owner.uid, owner.gid));
  for (SelectedFile& file : match.files) {
    if (file.relative.empty() && from_directory && !copy.with_directory) continue;
    os::RelPath path = target;
    if (!file.relative.empty()) path = os::RelPath::clean(target.str() + "/" + file.relative);
    TRY(put(copy, file, path, owner));
  }
  return {};
}

Result<void> FilePlan::put(const llb::CopyAction& copy, SelectedFile& file, const os::RelPath& path,
                           const Owner& owner) {
  SourceTree& tree = source_of(copy);
  const os::FileInfo& info = file.entry.info;
  Metadata metadata;
  metadata.mode = changed_mode(
      copy.chmod, info.permissions,
      info.type == os::FileType::directory ? llb::IsDirectory::yes : llb::IsDirectory::no);
  const bool keep_owner = copy.chown.empty() && tree.keeps_owner();
  metadata.uid = keep_owner ? info.uid : owner.uid;
  metadata.gid = keep_owner ? info.gid : owner.gid;
  metadata.mtime = input_.op.mtime.value_or(info.mtime);
  metadata.mtime_nanoseconds = input_.op.mtime ? 0 : info.mtime_nanoseconds;
  metadata.xattrs = decode_xattrs(file.facts.xattrs);
  const auto there = TRY(builder_->find(path));
  const bool onto_directory = there && there->type == os::FileType::directory;
  if (info.type == os::FileType::directory) {
    if (there && !onto_directory)
      return invalid_input("cannot copy to non-directory: /" + path.str());
    // BuildKit gives a directory that is there the mode of the one on the way, and nothing else.
    if (file.on_the_way && there) return builder_->set_directory_mode(path, info.permissions);
    return builder_->put_directory(path, std::move(metadata));
  }
  if (onto_directory)
    return invalid_input("cannot replace to directory /" + path.str() + " with file");
  switch (info.type) {
    case os::FileType::symlink:
      return builder_->put_symlink(path, file.entry.link_target, std::move(metadata));
    case os::FileType::fifo:
      return builder_->put_fifo(path, std::move(metadata));
    case os::FileType::char_device:
    case os::FileType::block_device:
      return builder_->put_device(path,
                                  info.type == os::FileType::block_device
                                      ? archive::EntryType::block_device
                                      : archive::EntryType::char_device,
                                  info.rdev_major, info.rdev_minor, std::move(metadata));
    case os::FileType::socket:
      // In no layer; as in BuildKit, its name is an empty file's.
      return builder_->put_file(path, {}, std::move(metadata));
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
    return builder_->put_linked_file(path, std::move(content), std::move(metadata), tag,
                                     *file.link_group);
  return builder_->put_file(path, std::move(content), std::move(metadata), tag);
}

Result<void> FilePlan::unpack(const llb::CopyAction& copy, Match& match, const Owner& owner) {
  SelectedFile& file = match.files.front();
  const os::RelPath target = TRY(builder_->resolve(copy.destination, Last::follow));
  TRY(builder_->make_directories(target, 0755, owner.uid, owner.gid));
  store::ScratchDir scratch = TRY(context_->store.workspace().create_scratch());
  scratches_.push_back(std::move(scratch));
  snapshot::ArchiveOptions options{.stop = inputs_->stop};
  if (!copy.chown.empty()) options.owner = {owner.uid, owner.gid};
  const TimePoint before = os::wall_clock();
  const Sha256Bytes digest = TRY(unpack_archive(source_of(copy), file.entry, *builder_, target,
                                                scratches_.back().dir(), options)
                                     .context([&] { return "unpack " + match.name; }));
  if (!file.facts_known || file.facts.content != digest) {
    // What counts is what was unpacked, not what another reading saw.
    has_read_other_ = true;
    file.facts.content = digest;
    file.facts_known = true;
    source_of(copy).remember(file.entry, file.entry.info, file.facts, before);
  }
  return {};
}

}  // namespace kiln::solver
