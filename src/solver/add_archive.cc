// SPDX-License-Identifier: Apache-2.0
#include "solver/add_archive.h"

#include "archive/any_archive.h"
#include "archive/fd_stream.h"
#include "snapshot/hashing_source.h"

namespace kiln::solver {
namespace {

/// Of a file's decompressed beginning: a tar header.
constexpr std::size_t kTarHeaderSize = 512;

}  // namespace

Result<bool> is_archive(SourceTree& tree, const TreeEntry& entry) {
  if (entry.info.type != os::FileType::file) return false;
  const Located at = TRY(tree.locate(entry));
  const os::Fd fd = TRY(at.root->open_file_beneath(at.path));
  archive::FdSource raw(fd, "/" + at.path.str());
  auto plain = archive::decompress(raw);
  if (!plain) return false;
  std::byte head[kTarHeaderSize];
  std::size_t size = 0;
  while (size < sizeof head) {
    const auto n = (*plain)->read(archive::MutableBytes(head).subspan(size));
    if (!n || *n == 0) break;
    size += *n;
  }
  return archive::looks_like_tar(archive::Bytes(head).first(size));
}

Result<Sha256Bytes> unpack_archive(SourceTree& tree, const TreeEntry& entry,
                                   snapshot::LayerBuilder& builder, const os::RelPath& target,
                                   const os::Dir& scratch,
                                   const snapshot::ArchiveOptions& options) {
  const Located at = TRY(tree.locate(entry));
  const os::Fd fd = TRY(at.root->open_file_beneath(at.path));
  archive::FdSource file(fd, "/" + at.path.str());
  snapshot::HashingSource raw(file);
  {
    const auto plain = TRY(archive::decompress(raw));
    archive::TarReader tar(*plain);
    TRY(snapshot::plan_archive(tar, builder, target, scratch, options));
  }
  TRY(snapshot::read_to_end(raw));
  return raw.finish();
}

}  // namespace kiln::solver
