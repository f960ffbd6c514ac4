// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "archive/tar_entry.h"
#include "base/sha256.h"
#include "base/strings.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/layer_contents.h"
#include "snapshot/layer_plan.h"

namespace kiln::snapshot {

/// The entry of a tar stream that stands for `inode`; its size is left to the caller.
archive::TarEntry planned_entry(const PlannedInode& inode, const Metadata& metadata,
                                std::string path);
/// The stream's names for a directory's mark, and for a whiteout.
std::string opaque_mark_path(const std::string& directory);
std::string whiteout_path(const std::string& path);
/// Whether the stream names the layer's root.
bool names_root(const Metadata& root);

/// One entry that the stream of a planned layer has.
struct StreamEntry {
  enum class Kind { root, inode, opaque_mark, whiteout, hard_link } kind;
  const PlannedInode& inode;
  const std::string& path;  ///< of an opaque mark its directory's, of a whiteout what it hides
  const std::string* first_name;  ///< of a hard link: what it links to
  bool is_merged = false;         ///< a directory through which the layers below are still seen
};
/// Goes through them in the stream's order, until `visit` says false.
void visit_stream(const PlannedEntry& root, const std::function<bool(const StreamEntry&)>& visit);

/// A digest of a plan's entries so far, as long as what its files hold is known: of all that the
/// stream's bytes are made of, or of all but the times that do not come from the layers below.
class PlanDigest {
 public:
  enum class Times { all, of_layers_below };
  explicit PlanDigest(std::optional<MtimeLimit> mtimes, Times times = Times::all);
  /// False, and nothing is added, if the file's content is not known.
  bool add(const StreamEntry& entry);
  Sha256Bytes value() const;

 private:
  std::optional<MtimeLimit> mtimes_;
  Times times_;
  Sha256 hash_;
  std::string text_;
};

/// Of a whole plan: two of one digest are written as the same layer, but for times of what is put
/// there; with a limit to mtimes for these too. nullopt if it has a file whose content is not
/// known.
std::optional<Sha256Bytes> digest_plan(const PlannedEntry& root,
                                       const std::optional<MtimeLimit>& mtimes);

/// Whether a layer's contents would list an entry, and whether just so.
bool is_listed(const StreamEntry& entry);
bool is_listed_as(const StreamEntry& entry, const std::optional<MtimeLimit>& mtimes,
                  const ListedFile& file);

/// As a layer's entries have them: within what every file system can hold, and not above the limit.
TimePoint clamped_mtime(const Metadata& metadata, const std::optional<MtimeLimit>& mtimes);
Metadata clamped(Metadata metadata, const std::optional<MtimeLimit>& mtimes);

/// The last mark of `earlier` before which the planned stream is the same as its stream was, as far
/// as the plan knows its files.
std::optional<StreamMark> common_beginning(const PlannedEntry& root,
                                           const std::optional<MtimeLimit>& mtimes,
                                           const LayerContents& earlier);

/// What there is to say of a layer that was written as planned: its files' contents are known by
/// now.
LayerContents contents_of(const PlannedEntry& root, const std::optional<MtimeLimit>& mtimes,
                          const std::vector<HashMark>& marks);

}  // namespace kiln::snapshot
