// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_builder.h"

#include <algorithm>
#include <array>
#include <vector>

#include "archive/tar_writer.h"
#include "os/file_io.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {

struct LayerBuilder::Node {
  archive::EntryType type = archive::EntryType::directory;
  Metadata metadata;
  FileContent content;
  std::size_t tag = kNoTag;
  std::optional<std::size_t> group;
  std::string link_target;
  std::uint32_t device_major = 0, device_minor = 0;
  /// A directory through which the layers below are still seen.
  bool merged = false;
  /// A directory that says it hides what is below, where that is not a directory: overlayfs needs
  /// no mark for it, but readers of tar layers may.
  bool opaque = false;
  std::map<std::string, Node, std::less<>> children;
};

namespace {

os::FileType file_type(archive::EntryType type) {
  switch (type) {
    case archive::EntryType::directory:
      return os::FileType::directory;
    case archive::EntryType::symlink:
      return os::FileType::symlink;
    case archive::EntryType::char_device:
      return os::FileType::char_device;
    case archive::EntryType::block_device:
      return os::FileType::block_device;
    case archive::EntryType::fifo:
      return os::FileType::fifo;
    default:
      return os::FileType::file;
  }
}

Error cancelled() { return {ErrorKind::cancelled, "cancelled"}; }

bool is_zero(archive::Bytes data) {
  return std::ranges::all_of(data, [](std::byte b) { return b == std::byte{0}; });
}

/// Writes content to a file, to its own digest and to the layer's stream at once. Blocks of zeros
/// become holes where the source had them too.
class FileWriter final : public archive::ByteSink {
 public:
  FileWriter(const os::Fd& fd, const std::string& name, archive::TarWriter& tar, bool sparse,
             const std::stop_token& stop)
      : fd_(&fd), name_(&name), tar_(&tar), sparse_(sparse), stop_(&stop) {}
  Result<void> write(archive::Bytes data) override {
    if (stop_->stop_requested()) return cancelled();
    if (sparse_ && is_zero(data)) {
      hole_at_end_ = true;
    } else {
      TRY(os::write_at(*fd_, data, size_, *name_));
      hole_at_end_ = false;
    }
    size_ += data.size();
    hash_.update(data);
    return tar_->write_content(data);
  }
  Result<Sha256Bytes> finish() {
    if (hole_at_end_) TRY(os::resize_file(*fd_, size_, *name_));
    return hash_.finish();
  }

 private:
  const os::Fd* fd_;
  const std::string* name_;
  archive::TarWriter* tar_;
  bool sparse_;
  const std::stop_token* stop_;
  bool hole_at_end_ = false;
  std::uint64_t size_ = 0;
  Sha256 hash_;
};

}  // namespace

struct LayerBuilder::Writer {
  archive::TarWriter tar;
  const ContentSeen& seen;
  std::optional<std::int64_t> max_mtime;
  std::stop_token stop;
  std::uint64_t disk_size = 0;
  std::uint64_t content_size = 0;
  struct Linked {
    Metadata metadata;  ///< of the file, and so of all its names
    std::string path;
    os::Dir dir;
    std::string name;
  };
  std::map<std::size_t, Linked> groups;

  /// Times that every file system can hold (ext4's range), so that what is read back is what was
  /// written.
  static constexpr std::int64_t kEarliest = -(std::int64_t{1} << 31);
  static constexpr std::int64_t kLatest = (std::int64_t{15032385535});

  Metadata clamp(Metadata metadata) const {
    metadata.mtime = std::clamp(metadata.mtime, kEarliest, kLatest);
    if (max_mtime && (metadata.mtime > *max_mtime ||
                      (metadata.mtime == *max_mtime && metadata.mtime_nanoseconds > 0))) {
      metadata.mtime = *max_mtime;
      metadata.mtime_nanoseconds = 0;
    }
    return metadata;
  }

  static archive::TarEntry entry_of(const Node& node, const Metadata& metadata, std::string path) {
    archive::TarEntry entry;
    entry.type = node.type;
    entry.path = std::move(path);
    entry.mode = node.type == archive::EntryType::symlink ? 0777 : metadata.mode;
    entry.uid = metadata.uid;
    entry.gid = metadata.gid;
    entry.mtime = metadata.mtime;
    entry.xattrs = image_xattrs(metadata.xattrs);
    entry.link_target = node.link_target;
    entry.device_major = node.device_major;
    entry.device_minor = node.device_minor;
    return entry;
  }

  Result<void> write_children(const Node& node, const os::Dir& dir, const std::string& prefix) {
    for (const auto& [name, child] : node.children)
      TRY(write_node(child, dir, name, prefix + name));
    return {};
  }

  Result<void> write_node(const Node& node, const os::Dir& dir, const std::string& name,
                          std::string path) {
    if (stop.stop_requested()) return cancelled();
    if (name.starts_with(kWhiteoutPrefix))
      return invalid_input("/" + path + ": a name that begins with .wh. can't be kept in a layer");
    const Metadata metadata = clamp(node.metadata);
    if (node.type == archive::EntryType::file) return write_file(node, metadata, dir, name, path);
    TRY(tar.begin(entry_of(node, metadata, path)));
    switch (node.type) {
      case archive::EntryType::directory: {
        TRY(dir.create_dir(name, 0700));
        const os::Dir sub = TRY(dir.open_dir(name));
        if (node.opaque) {
          archive::TarEntry mark;
          mark.path = path + "/" + std::string(kOpaqueName);
          TRY(tar.begin(mark));
          TRY(sub.set_xattr(".", kOpaqueXattr, "y"));
        }
        TRY(write_children(node, sub, path + "/"));
        break;
      }
      case archive::EntryType::symlink:
        TRY(dir.create_symlink(name, node.link_target));
        break;
      case archive::EntryType::fifo:
        TRY(dir.create_fifo(name, 0600));
        break;
      default:
        TRY(create_device(dir, name, node.type, node.device_major, node.device_minor));
    }
    disk_size += node.type == archive::EntryType::directory ? 4096 : 0;
    return apply_metadata(dir, name, node.type == archive::EntryType::symlink, metadata);
  }

  Result<void> write_file(const Node& node, const Metadata& metadata, const os::Dir& dir,
                          const std::string& name, const std::string& path) {
    if (node.group) {
      const auto first = groups.find(*node.group);
      if (first != groups.end()) {
        archive::TarEntry link = entry_of(node, first->second.metadata, path);
        link.type = archive::EntryType::hardlink;
        link.link_target = first->second.path;
        link.xattrs.clear();
        TRY(tar.begin(link));
        return dir.create_hardlink(name, first->second.dir, first->second.name);
      }
      os::Dir again = TRY(dir.open_dir("."));
      groups.emplace(*node.group, Linked{metadata, path, std::move(again), name});
    }
    archive::TarEntry entry = entry_of(node, metadata, path);
    if (node.content.root == nullptr) {
      const std::string& text = node.content.inline_text;
      entry.size = text.size();
      TRY(tar.add(entry, text));
      const os::Fd out = TRY(dir.create_file(name, 0600));
      TRY(os::write_all(out, text, path));
    } else if (node.content.take) {
      const os::Dir from = TRY(node.content.root->open_dir_beneath(node.content.path.parent()));
      TRY(from.rename(node.content.path.name(), dir, name));
      const os::Xattrs had = TRY(dir.xattrs(name));
      for (const auto& [key, value] : had) {
        if (!metadata.xattrs.contains(key)) TRY(dir.remove_xattr(name, key));
      }
      const os::Fd in = TRY(dir.open_for_reading(name));
      const os::FileInfo info = TRY(os::file_info(in, path));
      entry.size = info.size;
      disk_size += info.allocated;
      TRY(tar.begin(entry));
      TarContent content(tar);
      TRY(read_file_content(in, info, path, content));
    } else {
      TRY(copy_file(node, entry, dir, name, path));
    }
    content_size += entry.size;
    return apply_metadata(dir, name, false, metadata);
  }

  class TarContent final : public archive::ByteSink {
   public:
    explicit TarContent(archive::TarWriter& tar) : tar_(&tar) {}
    Result<void> write(archive::Bytes data) override { return tar_->write_content(data); }

   private:
    archive::TarWriter* tar_;
  };

  Result<void> copy_file(const Node& node, archive::TarEntry& entry, const os::Dir& dir,
                         const std::string& name, const std::string& path) {
    const os::Fd in = TRY(node.content.root->open_file_beneath(node.content.path));
    const os::FileInfo info = TRY(os::file_info(in, path));
    entry.size = info.size;
    TRY(tar.begin(entry));
    const os::Fd out = TRY(dir.create_file(name, 0600));
    FileWriter writer(out, path, tar, info.allocated < info.size, stop);
    TRY(read_file_content(in, info, path, writer));
    const Sha256Bytes digest = TRY(writer.finish());
    disk_size += std::min(info.allocated, (info.size + 4095) / 4096 * 4096);
    if (node.tag != kNoTag) seen(node.tag, info, digest);
    return {};
  }
};

LayerBuilder::LayerBuilder(const LayerView& base, Options options)
    : base_(&base), options_(options), root_(std::make_shared<Node>()) {
  root_->merged = true;
  root_->metadata.mode = 0755;
}

Result<LayerBuilder> LayerBuilder::create(const LayerView& base, Options options) {
  LayerBuilder builder(base, options);
  const auto root = TRY(base.find({}));
  if (root) builder.root_->metadata = TRY(base.metadata(*root));
  return builder;
}

Result<std::optional<LayerBuilder::Existing>> LayerBuilder::find(const os::RelPath& path) const {
  const Node* node = root_.get();
  for (const std::string_view part : path.components()) {
    const auto child = node->children.find(part);
    if (child != node->children.end()) {
      node = &child->second;
      continue;
    }
    if (!node->merged) return std::optional<Existing>();
    const auto entry = TRY(base_->find(path));
    if (!entry) return std::optional<Existing>();
    return std::optional(Existing{entry->info.type});
  }
  return std::optional(Existing{file_type(node->type)});
}

Result<os::RelPath> LayerBuilder::resolve(std::string_view path, Last last) const {
  return resolve_links(path, last,
                       [this](const os::RelPath& at) -> Result<std::optional<std::string>> {
                         const Node* node = root_.get();
                         for (const std::string_view part : at.components()) {
                           const auto child = node->children.find(part);
                           if (child == node->children.end()) {
                             if (!node->merged) return std::optional<std::string>();
                             const auto entry = TRY(base_->find(at));
                             if (!entry) return std::optional<std::string>();
                             if (entry->info.type != os::FileType::symlink)
                               return std::optional(std::string());
                             std::string target = TRY(base_->read_link(*entry));
                             return std::optional(std::move(target));
                           }
                           node = &child->second;
                         }
                         return std::optional(node->link_target);
                       });
}

/// The directory node for `name` in `parent`; taken over from the layers below if need be, null if
/// there is nothing.
Result<LayerBuilder::Node*> LayerBuilder::descend(Node& parent, const os::RelPath& path,
                                                  std::string_view name) {
  const auto child = parent.children.find(name);
  if (child != parent.children.end()) {
    if (child->second.type != archive::EntryType::directory)
      return invalid_input("/" + path.str() + " is not a directory");
    return &child->second;
  }
  if (!parent.merged) return static_cast<Node*>(nullptr);
  const auto entry = TRY(base_->find(path));
  if (!entry) return static_cast<Node*>(nullptr);
  if (entry->info.type != os::FileType::directory)
    return invalid_input("/" + path.str() + " is not a directory");
  Node node;
  node.metadata = TRY(base_->metadata(*entry));
  node.merged = true;
  return &parent.children.emplace(std::string(name), std::move(node)).first->second;
}

Result<LayerBuilder::Node*> LayerBuilder::parent_of(const os::RelPath& path) {
  Node* node = root_.get();
  os::RelPath at;
  const os::RelPath parent = path.parent();
  for (const std::string_view part : parent.components()) {
    at = at / part;
    node = TRY(descend(*node, at, part));
    if (node == nullptr) return not_found("/" + at.str() + " does not exist");
  }
  return node;
}

Result<void> LayerBuilder::make_directories(const os::RelPath& path, std::uint32_t mode,
                                            std::uint32_t uid, std::uint32_t gid) {
  // The path may exist as a whole; then the layer has no need to mention it.
  const auto existing = TRY(find(path));
  if (existing) {
    if (existing->type == os::FileType::directory) return {};
    return invalid_input("/" + path.str() + " is not a directory");
  }
  Node* node = root_.get();
  os::RelPath at;
  for (const std::string_view part : path.components()) {
    at = at / part;
    Node* next = TRY(descend(*node, at, part));
    if (next == nullptr) {
      Node made;
      made.metadata.mode = mode;
      made.metadata.uid = uid;
      made.metadata.gid = gid;
      // Not now: the same build shall give the same layer.
      made.metadata.mtime = options_.made_mtime.value_or(node->metadata.mtime);
      next = &node->children.emplace(std::string(part), std::move(made)).first->second;
    }
    node = next;
  }
  return {};
}

Result<LayerBuilder::Node*> LayerBuilder::put(const os::RelPath& path, Node node) {
  CHECK(!path.is_root());
  Node* parent = TRY(parent_of(path));
  const std::string name(path.name());
  return &parent->children.insert_or_assign(name, std::move(node)).first->second;
}

Result<void> LayerBuilder::put_directory(const os::RelPath& path, Metadata metadata) {
  if (path.is_root()) return {};
  Node* parent = TRY(parent_of(path));
  const auto existing = TRY(find(path));
  if (existing && existing->type == os::FileType::directory) {
    Node* node = TRY(descend(*parent, path, path.name()));
    node->metadata = std::move(metadata);
    return {};
  }
  Node node;
  node.metadata = std::move(metadata);
  if (parent->merged) {
    const auto below = TRY(base_->find(path));
    node.opaque = below.has_value();
  }
  parent->children.insert_or_assign(std::string(path.name()), std::move(node));
  return {};
}

Result<void> LayerBuilder::put_file(const os::RelPath& path, FileContent content, Metadata metadata,
                                    std::size_t tag) {
  Node node;
  node.type = archive::EntryType::file;
  node.content = std::move(content);
  node.metadata = std::move(metadata);
  node.tag = tag;
  TRY(put(path, std::move(node)));
  return {};
}

Result<void> LayerBuilder::put_linked_file(const os::RelPath& path, FileContent content,
                                           Metadata metadata, std::size_t tag, std::size_t group) {
  Node node;
  node.type = archive::EntryType::file;
  node.content = std::move(content);
  node.metadata = std::move(metadata);
  node.tag = tag;
  node.group = group;
  TRY(put(path, std::move(node)));
  return {};
}

Result<void> LayerBuilder::put_symlink(const os::RelPath& path, std::string target,
                                       Metadata metadata) {
  Node node;
  node.type = archive::EntryType::symlink;
  node.link_target = std::move(target);
  node.metadata = std::move(metadata);
  TRY(put(path, std::move(node)));
  return {};
}

Result<void> LayerBuilder::put_device(const os::RelPath& path, archive::EntryType type,
                                      std::uint32_t major, std::uint32_t minor, Metadata metadata) {
  if (type == archive::EntryType::char_device && major == 0 && minor == 0)
    return invalid_input("/" + path.str() + ": a device 0/0 can't be kept in a layer");
  Node node;
  node.type = type;
  node.device_major = major;
  node.device_minor = minor;
  node.metadata = std::move(metadata);
  TRY(put(path, std::move(node)));
  return {};
}

Result<void> LayerBuilder::put_fifo(const os::RelPath& path, Metadata metadata) {
  Node node;
  node.type = archive::EntryType::fifo;
  node.metadata = std::move(metadata);
  TRY(put(path, std::move(node)));
  return {};
}

Result<store::LayerInfo> LayerBuilder::write(const store::LayerIngest& ingest,
                                             const ContentSeen& seen) {
  const Metadata& root_metadata = root_->metadata;
  AsyncHashSink hash;
  Writer writer{archive::TarWriter(hash), seen, options_.max_mtime, options_.stop, 0, 0, {}};
  if (root_metadata.mode != 0755 || root_metadata.uid != 0 || root_metadata.gid != 0 ||
      !root_metadata.xattrs.empty()) {
    Metadata in_tar = root_metadata;
    in_tar.mtime = 0;
    TRY(writer.tar.begin(Writer::entry_of(*root_, in_tar, ".")));
  }
  TRY(writer.write_children(*root_, ingest.fs(), {}));
  TRY(apply_metadata(ingest.fs(), ".", false, writer.clamp(root_metadata)));
  TRY(writer.tar.finish());
  store::LayerInfo info;
  info.diff_id = oci::DiffId(hash.finish());
  info.tar_size = hash.size();
  info.content_size = writer.content_size;
  info.disk_size = writer.disk_size;
  return info;
}

}  // namespace kiln::snapshot
