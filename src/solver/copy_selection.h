// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"
#include "llb/op.h"
#include "solver/source_tree.h"
#include "store/cache_records.h"

namespace kiln::solver {

/// A file that a COPY selects, with what its cache key needs.
struct SelectedFile {
  TreeEntry entry;
  std::string relative;                   ///< to the match; empty for the match itself
  std::optional<std::size_t> link_group;  ///< files of one group are one file under several names
  /// A directory that is not selected itself, but something below it is.
  bool on_the_way = false;
  bool facts_known = false;
  store::FileFacts facts;
};

/// One source of a COPY: a file or directory that its pattern matches.
struct Match {
  std::string name;  ///< the last component as the pattern matched it, before links are followed
  std::vector<SelectedFile> files;  ///< the match itself first
  /// The digest of its inputs, if nothing has changed since it was noted; then only the match
  /// itself is among the files.
  std::optional<Sha256Bytes> recalled;
  bool is_archive = false;            ///< which ADD unpacks, once that was found out
  Sha256Bytes id{};                   ///< of what it is selected by
  std::string listing;                ///< to be noted with its digest, if not empty
  std::optional<Sha256Bytes> digest;  ///< of its inputs, once it was made of the files' facts
};

/// What one copy action selects.
struct Selection {
  std::vector<Match> matches;
  bool with_owner = false;  ///< whether it counts whose the files are
};

/// Finds what a copy action copies. A pattern that matches nothing selects nothing; a plain path
/// that isn't there is of kind not_found. Exclusion is by the path below a match, which is never
/// excluded itself. Link groups are numbered from `first_group` on, which
/// then is the next free number: groups of different selections must not meet.
Result<Selection> select_files(SourceTree& tree, const llb::CopyAction& action,
                               std::size_t& first_group, Recall recall = Recall::ignore);

/// How much of a selection has to be read before its digest is known.
struct Unread {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};
/// Fills in facts that the tree remembers, and the xattrs of what it doesn't.
Result<Unread> recall_facts(SourceTree& tree, Selection& selection);
/// Reads what is still unknown.
Result<void> read_facts(SourceTree& tree, Selection& selection);

/// What a selection depends on: path, type, mode, owner, link target, xattrs and content of each
/// file, never a time. Of one that was recalled it isn't known.
void append_inputs(const Selection& selection, store::InputList& inputs);
/// The same for a cache key, with one digest for each match, which is kept there.
void append_digests(Selection& selection, store::InputList& inputs);
/// Lets the tree recall the selection as long as nothing in it changes. All facts are known.
void note_selection(SourceTree& tree, Selection& selection);

os::Xattrs decode_xattrs(const std::string& encoded);
std::string encode_xattrs(const os::Xattrs& xattrs);

}  // namespace kiln::solver
