// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "oci/digest.h"
#include "os/dir.h"
#include "store/layer_store.h"

namespace kiln::snapshot {

/// A plain file of a layer, as it can be known without looking at it.
struct ListedFile {
  std::string path;
  std::uint32_t mode = 0, uid = 0, gid = 0;
  std::int64_t mtime = 0;
  std::uint32_t mtime_nanoseconds = 0;
  std::uint64_t size = 0;
  Sha256Bytes content{};
  bool operator==(const ListedFile&) const = default;
};

/// A place in a layer's tar stream, between two entries.
struct StreamMark {
  std::uint64_t entries = 0;  ///< that come before it
  /// The digest of those (PlanDigest). Streams that agree in it are the same up to here.
  Sha256Bytes plan{};
  Sha256::Midstate hash;  ///< of the stream's digest, and its bytes so far
  bool operator==(const StreamMark&) const = default;
};

/// What a layer of many files says of itself in a file beside its directory, so that the next run
/// of the step that made it can take over what is still the same: its files, by hard links, and the
/// beginning of its stream's digest.
struct LayerContents {
  std::vector<ListedFile> files;  ///< without hard links' further names, and such as have xattrs
  std::vector<StreamMark> marks;  ///< first ones first

  std::string encode() const;
  /// nullopt for what is not whole.
  static std::optional<LayerContents> decode(std::string_view bytes);
};

/// Finds listed files by their paths; fastest in the order in which they are listed.
class ListedFiles {
 public:
  /// `contents` outlives it.
  explicit ListedFiles(const LayerContents& contents) : files_(&contents.files) {}
  /// Null if it is not there.
  const ListedFile* find(std::string_view path);

 private:
  const std::vector<ListedFile>* files_;
  std::size_t next_ = 0;
  std::vector<std::size_t> by_path_;  ///< once it is needed
};

/// A layer that an earlier run of a step made.
struct EarlierLayer {
  oci::DiffId id;
  os::Dir fs;
  LayerContents contents;
};
/// nullopt if the layer is gone or says nothing of itself.
std::optional<EarlierLayer> find_earlier_layer(const store::LayerStore& store,
                                               const oci::DiffId& id);

}  // namespace kiln::snapshot
