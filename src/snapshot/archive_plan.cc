// SPDX-License-Identifier: Apache-2.0
#include "snapshot/archive_plan.h"

#include "snapshot/tar_content.h"

namespace kiln::snapshot {
namespace {

using archive::EntryType;
using archive::TarEntry;

class ArchivePlanner {
 public:
  ArchivePlanner(archive::TarReader& tar, LayerBuilder& builder, const os::RelPath& target,
                 const os::Dir& scratch, const ArchiveOptions& options)
      : tar_(&tar), builder_(&builder), target_(&target), scratch_(&scratch), options_(&options) {}

  Result<void> run() {
    for (;;) {
      const auto entry = TRY(tar_->next());
      if (!entry) return {};
      auto planned = plan(*entry);
      if (planned) continue;
      Error error = std::move(planned).error();
      // That the plan refuses it is the archive's fault.
      if (error.kind() == ErrorKind::invalid_input || error.kind() == ErrorKind::not_found)
        error = corrupt(error.message());
      return std::move(error).context("entry \"" + entry->path + "\"");
    }
  }

 private:
  Result<void> plan(const TarEntry& entry) {
    if (entry.path.find('\0') != std::string::npos) return corrupt("its name holds a zero byte");
    // An absolute name is one below the destination, and `..` stops there.
    if (!entry.path.starts_with('/') && climbs_out(entry.path))
      return corrupt("its name leads outside of the archive");
    const os::RelPath name = os::RelPath::clean(entry.path);
    if (name.is_root()) return {};
    const os::RelPath parent = TRY(directory_of(name));
    TRY(builder_->make_directories(parent, 0755, 0, 0));
    return create(entry, parent / name.name());
  }

  /// In the image, whether or not it is there.
  Result<os::RelPath> directory_of(const os::RelPath& name) const {
    return builder_->resolve_below(*target_, name.parent().str(), Last::follow, AboveRoot::fails);
  }

  Result<void> create(const TarEntry& entry, const os::RelPath& path) {
    switch (entry.type) {
      case EntryType::directory:
        return builder_->put_directory(path, metadata_of(entry));
      case EntryType::file:
        return create_file(entry, path);
      case EntryType::hardlink:
        return create_hardlink(entry, path);
      case EntryType::symlink:
        if (entry.link_target.empty()) return corrupt("a symlink to nothing");
        return builder_->put_symlink(path, entry.link_target, metadata_of(entry));
      case EntryType::fifo:
        return builder_->put_fifo(path, metadata_of(entry));
      case EntryType::char_device:
      case EntryType::block_device:
        break;
    }
    return builder_->put_device(path, entry.type, entry.device_major, entry.device_minor,
                                metadata_of(entry));
  }

  Result<void> create_file(const TarEntry& entry, const os::RelPath& path) {
    const std::string name = std::to_string(files_++);
    const os::Fd out = TRY(scratch_->create_file(name, 0600));
    TRY(write_tar_content(*tar_, entry.size, out, name, options_->stop));
    return builder_->put_file(path, {scratch_, os::RelPath::clean(name), {}, true},
                              metadata_of(entry));
  }

  Result<void> create_hardlink(const TarEntry& entry, const os::RelPath& path) {
    if (!entry.link_target.starts_with('/') && climbs_out(entry.link_target))
      return corrupt("a hard link that leads outside of the archive: " + entry.link_target);
    const os::RelPath name = os::RelPath::clean(entry.link_target);
    const Error missing =
        corrupt("a hard link to \"" + entry.link_target + "\", which is not there");
    if (name.is_root()) return missing;
    const os::RelPath parent = TRY(directory_of(name));
    const os::RelPath target = parent / name.name();
    // What is at the path goes before the link is made.
    if (target == path || target.str().starts_with(path.str() + "/")) return missing;
    auto linked = builder_->put_hardlink(path, target, metadata_of(entry));
    if (!linked && linked.error().kind() == ErrorKind::not_found) return missing;
    return linked;
  }

  Metadata metadata_of(const TarEntry& entry) const {
    const auto& owner = options_->owner;
    return {entry.mode,  owner ? owner->uid : entry.uid, owner ? owner->gid : entry.gid,
            entry.mtime, entry.mtime_nanoseconds,        image_xattrs(entry.xattrs)};
  }

  archive::TarReader* tar_;
  LayerBuilder* builder_;
  const os::RelPath* target_;
  const os::Dir* scratch_;
  const ArchiveOptions* options_;
  std::uint64_t files_ = 0;  ///< in the scratch directory
};

}  // namespace

Result<void> plan_archive(archive::TarReader& tar, LayerBuilder& builder, const os::RelPath& target,
                          const os::Dir& scratch, const ArchiveOptions& options) {
  return ArchivePlanner(tar, builder, target, scratch, options).run();
}

}  // namespace kiln::snapshot
