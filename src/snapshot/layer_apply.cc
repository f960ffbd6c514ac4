// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_apply.h"

#include <optional>
#include <utility>
#include <vector>

#include "archive/compression.h"
#include "archive/prefixed_source.h"
#include "archive/read_ahead.h"
#include "archive/stoppable_source.h"
#include "archive/tar_reader.h"
#include "base/strings.h"
#include "snapshot/hashing_sink.h"
#include "snapshot/hashing_source.h"
#include "snapshot/tar_unpack.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

/// Unpacks into an ingest and reads the stream to its end, so that all of it is in the digest.
Result<UnpackedTree> unpack_all(archive::ByteSource& source, const os::Dir& fs,
                                const std::stop_token& stop) {
  archive::StoppableSource stoppable(source, stop);
  archive::TarReader tar(stoppable);
  UnpackedTree tree = TRY(unpack_tar(tar, fs, stop));
  TRY(read_to_end(stoppable));
  return tree;
}

/// Unpacks a plain stream, checks it against its digest and notes its sizes.
Result<UnpackedTree> unpack_verified(archive::ByteSource& plain, const os::Dir& fs,
                                     store::LayerInfo& info, const std::stop_token& stop) {
  HashingSource hashed(plain);
  UnpackedTree tree = TRY(unpack_all(hashed, fs, stop));
  const oci::DiffId found(hashed.finish());
  if (found != info.diff_id)
    return corrupt("layer " + info.diff_id.str() + ": its content has the digest " + found.str());
  info.tar_size = hashed.size();
  return tree;
}

/// Notes what the files take, and finds out whether the directory's stream is the layer's. It is
/// made, and the files read for it, only where unpacking left the answer open.
Result<bool> complete(const UnpackedTree& tree, const os::Dir& fs, store::LayerInfo& info,
                      const std::stop_token& stop) {
  if (tree.content_size && tree.disk_size && tree.canonical) {
    info.content_size = *tree.content_size;
    info.disk_size = *tree.disk_size;
    return *tree.canonical;
  }
  const TreeDigest made = TRY(digest_tree(fs, stop));
  info.content_size = made.stats.content_size;
  info.disk_size = made.stats.disk_size;
  return made.diff_id == info.diff_id;
}

store::Likeness likeness(bool canonical) {
  return canonical ? store::Likeness::diff_id : store::Likeness::blob;
}

/// A stream's first bytes.
Result<std::vector<std::byte>> read_head(archive::ByteSource& source) {
  constexpr std::size_t kHeadSize = 4096;
  std::vector<std::byte> head(kHeadSize);
  const std::size_t have = TRY(archive::read_up_to(source, head));
  head.resize(have);
  return head;
}

/// Whether the stream can be kiln's own. Other programs' differ from it in their first header. One
/// that isn't all there tells nothing.
bool begins_canonically(archive::Bytes head) {
  archive::MemorySource source(head);
  archive::TarReader tar(source);
  return !tar.next().ok() || tar.canonical();
}

/// Names the uncompressed stream, which is all in `copy`, as the layer's blob.
Result<void> keep_stream(store::Ingest copy, store::LayerInfo& info) {
  oci::Descriptor blob;
  blob.media_type = oci::media_type::kOciLayer;
  blob.digest = TRY(oci::Digest::parse(info.diff_id.str()));
  blob.size = copy.size();
  TRY(copy.commit_as(blob.digest));
  info.blob = std::move(blob);
  return {};
}

/// A stream that will have to be kept: in one go.
Result<UnpackedTree> unpack_and_keep(store::Store& store, archive::ByteSource& plain,
                                     const os::Dir& fs, store::LayerInfo& info,
                                     const std::stop_token& stop) {
  store::Ingest copy = TRY(store.blobs().create());
  UnpackedTree tree;
  {
    archive::CopyingSource copied(plain, copy);
    archive::ReadAhead ahead(copied);
    tree = TRY(unpack_all(ahead, fs, stop));
  }
  info.tar_size = copy.size();
  TRY(keep_stream(std::move(copy), info).context("layer " + info.diff_id.str()));
  return tree;
}

}  // namespace

std::uint64_t expansion_limit(const oci::Descriptor& blob) {
  const auto declared = blob.annotations.find("io.containers.estargz.uncompressed-size");
  if (declared != blob.annotations.end()) {
    if (const auto size = parse_uint(declared->second)) return *size;
  }
  return archive::expansion_limit(blob.size);
}

Result<store::LayerInfo> apply_layer(store::Store& store, const OpenSource& open,
                                     const oci::DiffId& expected, std::uint64_t limit,
                                     const std::stop_token& stop) {
  auto existing = TRY(store.layers().find(expected));
  if (existing) return *std::move(existing);
  store::LayerIngest ingest = TRY(store.layers().create());
  store::LayerInfo info;
  info.diff_id = expected;
  UnpackedTree tree;
  {
    const auto source = TRY(open());
    const auto plain = TRY(archive::decompress(*source));
    archive::BoundedSource bounded(*plain, limit);
    std::vector<std::byte> head = TRY(read_head(bounded));
    const bool own = begins_canonically(head);
    archive::PrefixedSource whole(std::move(head), bounded);
    if (own) {
      tree = TRY(unpack_verified(whole, ingest.fs(), info, stop));
    } else {
      tree = TRY(unpack_and_keep(store, whole, ingest.fs(), info, stop));
    }
  }
  const bool canonical = TRY(complete(tree, ingest.fs(), info, stop));
  if (!canonical && !info.blob) {
    const auto source = TRY(open());
    const auto plain = TRY(archive::decompress(*source));
    store::Ingest copy = TRY(store.blobs().create());
    archive::StoppableSource stoppable(*plain, stop);
    TRY(archive::copy_all(stoppable, copy));
    TRY(keep_stream(std::move(copy), info));
  }
  TRY(store.layers().commit(std::move(ingest), info, likeness(canonical)));
  return info;
}

Result<store::LayerInfo> apply_layer_once(store::Store& store, archive::ByteSource& source,
                                          const oci::DiffId& expected, std::uint64_t limit,
                                          const std::function<Result<oci::Descriptor>()>& keep,
                                          const std::stop_token& stop) {
  store::LayerIngest ingest = TRY(store.layers().create());
  store::LayerInfo info;
  info.diff_id = expected;
  const auto plain = TRY(archive::decompress(source));
  archive::BoundedSource bounded(*plain, limit);
  const UnpackedTree tree = TRY(unpack_verified(bounded, ingest.fs(), info, stop));
  // What stands after the end of the compressed stream.
  TRY(read_to_end(source));
  info.blob = TRY(keep());
  const bool canonical = TRY(complete(tree, ingest.fs(), info, stop));
  TRY(store.layers().commit(std::move(ingest), info, likeness(canonical)));
  return info;
}

Result<store::LayerInfo> import_layer(store::Store& store, archive::ByteSource& source,
                                      const std::stop_token& stop) {
  store::LayerIngest ingest = TRY(store.layers().create());
  const auto plain = TRY(archive::decompress(source));
  TRY(unpack_all(*plain, ingest.fs(), stop));
  TRY(ingest.fs().set_owner(".", 0, 0));
  TRY(ingest.fs().set_mode(".", 0755));
  TRY(ingest.fs().set_mtime(".", 0, 0));
  const TreeDigest tree = TRY(digest_tree(ingest.fs(), stop));
  store::LayerInfo info;
  info.diff_id = tree.diff_id;
  info.tar_size = tree.stats.tar_size;
  info.content_size = tree.stats.content_size;
  info.disk_size = tree.stats.disk_size;
  TRY(store.layers().commit(std::move(ingest), info));
  return info;
}

Result<void> write_layer_tar(store::Store& store, const store::LayerInfo& layer,
                             archive::ByteSink& sink) {
  HashingSink checked(sink);
  if (layer.blob) {
    const auto file = TRY(store.blobs().open_source(layer.blob->digest));
    const auto plain = TRY(archive::decompress(*file));
    TRY(archive::copy_all(*plain, checked));
  } else {
    const os::Dir fs = TRY(store.layers().open_fs(layer.diff_id));
    TRY(write_tree_tar(fs, checked));
  }
  const Sha256Bytes hash = TRY(checked.finish());
  const oci::DiffId found(hash);
  if (found != layer.diff_id)
    return corrupt("layer " + layer.diff_id.str() +
                   " in the store is damaged: its content has the digest " + found.str());
  return {};
}

Result<bool> is_what_its_blob_unpacks_to(store::Store& store, const store::LayerInfo& layer) {
  if (!layer.blob || !store.blobs().has(layer.blob->digest)) return false;
  const auto file = TRY(store.blobs().open_source(layer.blob->digest));
  const auto plain = TRY(archive::decompress(*file));
  const store::LayerIngest again = TRY(store.layers().create());
  store::LayerInfo info;
  info.diff_id = layer.diff_id;
  TRY(unpack_verified(*plain, again.fs(), info, {}));
  const TreeDigest right = TRY(digest_tree(again.fs()));
  const os::Dir fs = TRY(store.layers().open_fs(layer.diff_id));
  const TreeDigest found = TRY(digest_tree(fs));
  return found.diff_id == right.diff_id;
}

}  // namespace kiln::snapshot
