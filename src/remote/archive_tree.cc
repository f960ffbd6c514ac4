// SPDX-License-Identifier: Apache-2.0
#include "remote/archive_tree.h"

#include "archive/any_archive.h"
#include "archive/compression.h"
#include "archive/fd_stream.h"
#include "archive/tar_reader.h"
#include "os/file_io.h"
#include "snapshot/archive_plan.h"
#include "snapshot/layer_builder.h"
#include "snapshot/layer_view.h"

namespace kiln::remote {

bool looks_like_archive(archive::Bytes head) {
  return archive::detect_compression(head) != archive::Compression::none ||
         archive::looks_like_tar(head.first(std::min<std::size_t>(head.size(), 512)));
}

Result<void> unpack_archive(const Access& access, archive::ByteSource& source,
                            const os::Dir& into) {
  const auto plain = TRY(archive::decompress(source));
  archive::TarReader tar(*plain);
  const snapshot::LayerView nothing = TRY(snapshot::LayerView::open(access.store.layers(), {}));
  snapshot::LayerBuilder builder =
      TRY(snapshot::LayerBuilder::create(nothing, {{}, {}, access.stop}));
  const store::ScratchDir contents = TRY(access.store.workspace().create_scratch());
  TRY(snapshot::plan_archive(tar, builder, {}, contents.dir(), {{}, access.stop}));
  // A layer that never gets its name: the form that trees have on disk, devices and all.
  const store::LayerIngest ingest = TRY(access.store.layers().create());
  TRY(builder.write(ingest, [](std::size_t, const os::FileInfo&, const Sha256Bytes&) {}));
  const std::vector<os::DirEntry> entries = TRY(ingest.fs().list());
  for (const auto& entry : entries) TRY(ingest.fs().rename(entry.name, into, entry.name));
  return {};
}

Result<std::optional<store::KeptTree>> unpack_fetched(const Access& access,
                                                      const FetchedFile& file) {
  const os::Dir dir = TRY(os::Dir::open(file.tree.path()));
  const os::Fd fd = TRY(dir.open_for_reading(file.name));
  std::byte head[1024];
  const std::size_t size = TRY(os::read_at(fd, head, 0, file.name));
  if (!looks_like_archive(archive::Bytes(head).first(size)))
    return std::optional<store::KeptTree>();
  const std::string key = "archive\n" + file.digest.str();
  auto kept = TRY(access.store.remote().find_tree(key));
  if (kept) return kept;
  store::TreeIngest ingest = TRY(access.store.remote().create_tree());
  archive::FdSource source(fd, file.name);
  TRY(unpack_archive(access, source, ingest.tree()));
  store::KeptTree tree = TRY(access.store.remote().keep(std::move(ingest), key));
  return std::optional(std::move(tree));
}

}  // namespace kiln::remote
