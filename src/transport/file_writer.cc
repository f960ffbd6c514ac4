// SPDX-License-Identifier: Apache-2.0
#include "transport/file_writer.h"

#include "archive/fd_stream.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::transport {

Result<DirectoryWriter> DirectoryWriter::open(const std::string& path) {
  TRY(os::ensure_directory(path));
  os::Dir root = TRY(os::Dir::open(path));
  return DirectoryWriter(std::move(root));
}

Result<void> DirectoryWriter::add_directory(const std::string& path) {
  const os::RelPath at = os::RelPath::clean(path);
  const os::Dir parent = TRY(root_.open_dir_beneath(at.parent()));
  const auto there = TRY(parent.find(at.name()));
  if (!there) return parent.create_dir(at.name(), 0755);
  if (there->type != os::FileType::directory)
    return invalid_input(root_.path() + "/" + path + " is not a directory");
  return {};
}

/// Gives a file that is whole, in the root, its name.
Result<void> DirectoryWriter::put(const std::string& path, const std::string& made) {
  const os::RelPath at = os::RelPath::clean(path);
  const os::Dir parent = TRY(root_.open_dir_beneath(at.parent()));
  return root_.rename(made, parent, at.name());
}

Result<void> DirectoryWriter::add(const std::string& path, std::string_view content) {
  const std::string made = ".kiln-" + os::random_id();
  const auto write = [&]() -> Result<void> {
    const os::Fd fd = TRY(root_.create_file(made, 0644));
    TRY(os::write_all(fd, archive::as_bytes(content), path));
    return put(path, made);
  };
  auto written = write();
  if (!written.ok()) (void)root_.remove_file(made).ok();
  return written;
}

Result<bool> DirectoryWriter::has(const std::string& path, std::uint64_t size) {
  const auto info = TRY(root_.find_beneath(os::RelPath::clean(path)));
  return info && info->type == os::FileType::file && info->size == size;
}

Result<void> DirectoryWriter::add_blob(registry::BlobContent& content,
                                       const std::optional<oci::Descriptor>&,
                                       const PathOf& path_of) {
  const std::string made = ".kiln-" + os::random_id();
  const auto write = [&]() -> Result<void> {
    const os::Fd fd = TRY(root_.create_file(made, 0644));
    const auto source = TRY(content.open(0));
    archive::FdSink sink(fd, root_.path());
    TRY(archive::copy_all(*source, sink));
    const oci::Digest digest = TRY(content.digest());
    return put(path_of(digest), made);
  };
  auto written = write();
  if (!written.ok()) (void)root_.remove_file(made).ok();
  return written;
}

Result<void> ArchiveFileWriter::add_directory(const std::string& path) {
  const std::scoped_lock lock(mutex_);
  archive::TarEntry entry;
  entry.type = archive::EntryType::directory;
  entry.path = path;
  entry.mode = 0755;
  return tar_.add(entry);
}

Result<void> ArchiveFileWriter::add(const std::string& path, std::string_view content) {
  const std::scoped_lock lock(mutex_);
  if (!added_.insert(path).second) return {};
  archive::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = content.size();
  return tar_.add(entry, content);
}

Result<bool> ArchiveFileWriter::has(const std::string& path, std::uint64_t) {
  const std::scoped_lock lock(mutex_);
  return added_.contains(path);
}

Result<void> ArchiveFileWriter::add_content(const std::string& path, std::uint64_t size,
                                            archive::ByteSource& source) {
  const std::scoped_lock lock(mutex_);
  if (!added_.insert(path).second) return {};
  archive::TarEntry entry;
  entry.path = path;
  entry.mode = 0644;
  entry.size = size;
  TRY(tar_.begin(entry));
  archive::TarContentSink sink(tar_);
  TRY(archive::copy_all(source, sink));
  return {};
}

Result<void> ArchiveFileWriter::add_blob(registry::BlobContent& content,
                                         const std::optional<oci::Descriptor>& expected,
                                         const PathOf& path_of) {
  if (expected) {
    // Its name and size are known: straight into the archive.
    const auto source = TRY(content.open(0));
    TRY(add_content(path_of(expected->digest), expected->size, *source));
    const oci::Digest digest = TRY(content.digest());
    if (digest != expected->digest)
      return corrupt("blob " + expected->digest.str() + " is damaged");
    return {};
  }
  const std::string path = store_->workspace().new_path();
  const os::Fd spool = TRY(os::create_file(path));
  os::remove_file(path);
  {
    const auto source = TRY(content.open(0));
    archive::FdSink sink(spool, "a temporary file");
    TRY(archive::copy_all(*source, sink));
  }
  const oci::Digest digest = TRY(content.digest());
  TRY(os::rewind_file(spool, "a temporary file"));
  archive::FdSource source(spool, "a temporary file");
  return add_content(path_of(digest), content.size().value_or(0), source);
}

}  // namespace kiln::transport
