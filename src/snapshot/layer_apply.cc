// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_apply.h"

#include <optional>

#include "archive/compression.h"
#include "archive/fd_stream.h"
#include "archive/tar_reader.h"
#include "snapshot/hash_sink.h"
#include "snapshot/tar_unpack.h"
#include "snapshot/tree_tar.h"

namespace kiln::snapshot {
namespace {

/// Gives on what a source gives and feeds it to a digest and, if there is one, an ingest.
class TeeSource final : public archive::ByteSource {
 public:
  TeeSource(archive::ByteSource& source, archive::ByteSink* copy) : source_(&source), copy_(copy) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    const std::size_t n = TRY(source_->read(into));
    hash_.update(archive::Bytes(into).first(n));
    size_ += n;
    if (copy_ != nullptr && n > 0) TRY(copy_->write(archive::Bytes(into).first(n)));
    return n;
  }
  Sha256Bytes finish() { return hash_.finish(); }
  std::uint64_t size() const { return size_; }

 private:
  archive::ByteSource* source_;
  archive::ByteSink* copy_;
  Sha256 hash_;
  std::uint64_t size_ = 0;
};

/// Unpacks into an ingest and reads the stream to its end, so that all of it is in the digest.
Result<void> unpack_all(archive::ByteSource& source, const os::Dir& fs, TarForm form) {
  archive::TarReader tar(source);
  TRY(unpack_tar(tar, fs, form));
  std::byte rest[4096];
  for (;;) {
    const std::size_t n = TRY(source.read(rest));
    if (n == 0) return {};
  }
}

}  // namespace

Result<store::LayerInfo> apply_layer(store::Store& store, archive::ByteSource& source,
                                     const oci::DiffId& expected) {
  auto existing = TRY(store.layers().find(expected));
  if (existing) return *std::move(existing);
  store::LayerIngest ingest = TRY(store.layers().create());
  const auto plain = TRY(archive::decompress(source));
  store::Ingest copy = TRY(store.blobs().create());
  TeeSource tee(*plain, &copy);
  TRY(unpack_all(tee, ingest.fs(), TarForm::layer));
  const oci::DiffId found(tee.finish());
  if (found != expected)
    return corrupt("layer " + expected.str() + ": its content has the digest " + found.str());

  const TreeDigest tree = TRY(digest_tree(ingest.fs()));
  store::LayerInfo info;
  info.diff_id = expected;
  info.tar_size = tee.size();
  info.disk_size = tree.stats.disk_size;
  if (tree.diff_id != expected) {
    oci::Descriptor blob;
    blob.media_type = oci::media_type::kOciLayer;
    blob.digest = TRY(copy.commit());
    blob.size = tee.size();
    info.blob = std::move(blob);
  }
  TRY(store.layers().commit(std::move(ingest), info));
  return info;
}

Result<store::LayerInfo> import_layer(store::Store& store, archive::ByteSource& source) {
  store::LayerIngest ingest = TRY(store.layers().create());
  const auto plain = TRY(archive::decompress(source));
  TRY(unpack_all(*plain, ingest.fs(), TarForm::layer));
  const TreeDigest tree = TRY(digest_tree(ingest.fs()));
  store::LayerInfo info;
  info.diff_id = tree.diff_id;
  info.tar_size = tree.stats.tar_size;
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
    return corrupt("layer " + layer.diff_id.str() + " in the store is damaged: its content has the digest " +
                   found.str());
  return {};
}

}  // namespace kiln::snapshot
