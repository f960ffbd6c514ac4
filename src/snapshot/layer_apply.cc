// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_apply.h"

#include <optional>

#include "archive/compression.h"
#include "archive/fd_stream.h"
#include "archive/tar_reader.h"
#include "snapshot/hashing_source.h"
#include "snapshot/tar_unpack.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

/// Unpacks into an ingest and reads the stream to its end, so that all of it is in the digest.
Result<void> unpack_all(archive::ByteSource& source, const os::Dir& fs) {
  archive::TarReader tar(source);
  TRY(unpack_tar(tar, fs));
  return read_to_end(source);
}

}  // namespace

Result<store::LayerInfo> apply_layer(store::Store& store, const OpenSource& open,
                                     const oci::DiffId& expected) {
  auto existing = TRY(store.layers().find(expected));
  if (existing) return *std::move(existing);
  store::LayerIngest ingest = TRY(store.layers().create());
  store::LayerInfo info;
  info.diff_id = expected;
  {
    const auto source = TRY(open());
    const auto plain = TRY(archive::decompress(*source));
    HashingSource hashed(*plain);
    TRY(unpack_all(hashed, ingest.fs()));
    const oci::DiffId found(hashed.finish());
    if (found != expected)
      return corrupt("layer " + expected.str() + ": its content has the digest " + found.str());
    info.tar_size = hashed.size();
  }
  const TreeDigest tree = TRY(digest_tree(ingest.fs()));
  info.content_size = tree.stats.content_size;
  info.disk_size = tree.stats.disk_size;
  if (tree.diff_id != expected) {
    const auto source = TRY(open());
    const auto plain = TRY(archive::decompress(*source));
    store::Ingest copy = TRY(store.blobs().create());
    TRY(archive::copy_all(*plain, copy));
    oci::Descriptor blob;
    blob.media_type = oci::media_type::kOciLayer;
    blob.digest = TRY(oci::Digest::parse(expected.str()));
    blob.size = copy.size();
    TRY(copy.commit_as(blob.digest));
    info.blob = std::move(blob);
  }
  TRY(store.layers().commit(std::move(ingest), info, tree.diff_id));
  return info;
}

Result<store::LayerInfo> apply_layer_once(store::Store& store, archive::ByteSource& source,
                                          const oci::DiffId& expected,
                                          const std::function<Result<oci::Descriptor>()>& keep) {
  store::LayerIngest ingest = TRY(store.layers().create());
  store::LayerInfo info;
  info.diff_id = expected;
  {
    const auto plain = TRY(archive::decompress(source));
    HashingSource hashed(*plain);
    TRY(unpack_all(hashed, ingest.fs()));
    const oci::DiffId found(hashed.finish());
    if (found != expected)
      return corrupt("layer " + expected.str() + ": its content has the digest " + found.str());
    info.tar_size = hashed.size();
  }
  // What stands after the end of the compressed stream.
  TRY(read_to_end(source));
  info.blob = TRY(keep());
  const TreeDigest tree = TRY(digest_tree(ingest.fs()));
  info.content_size = tree.stats.content_size;
  info.disk_size = tree.stats.disk_size;
  TRY(store.layers().commit(std::move(ingest), info, tree.diff_id));
  return info;
}

Result<store::LayerInfo> import_layer(store::Store& store, archive::ByteSource& source) {
  store::LayerIngest ingest = TRY(store.layers().create());
  const auto plain = TRY(archive::decompress(source));
  TRY(unpack_all(*plain, ingest.fs()));
  TRY(ingest.fs().set_owner(".", 0, 0));
  TRY(ingest.fs().set_mode(".", 0755));
  TRY(ingest.fs().set_mtime(".", 0, 0));
  const TreeDigest tree = TRY(digest_tree(ingest.fs()));
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
  class Check final : public archive::ByteSink {
   public:
    explicit Check(archive::ByteSink& next) : next_(&next) {}
    Result<void> write(archive::Bytes data) override {
      hash.update(data);
      return next_->write(data);
    }
    Sha256 hash;

   private:
    archive::ByteSink* next_;
  } checked(sink);
  if (layer.blob) {
    const os::Fd fd = TRY(store.blobs().open(layer.blob->digest));
    archive::FdSource file(fd, "blob " + layer.blob->digest.str());
    const auto plain = TRY(archive::decompress(file));
    TRY(archive::copy_all(*plain, checked));
  } else {
    const os::Dir fs = TRY(store.layers().open_fs(layer.diff_id));
    TRY(write_tree_tar(fs, checked));
  }
  const oci::DiffId found(checked.hash.finish());
  if (found != layer.diff_id)
    return corrupt("layer " + layer.diff_id.str() +
                   " in the store is damaged: its content has the digest " + found.str());
  return {};
}

}  // namespace kiln::snapshot
