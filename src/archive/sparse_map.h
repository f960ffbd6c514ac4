// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "archive/tar_format.h"

namespace kiln::archive {

/// More runs than this in one sparse file are refused, so that a map needs at most 16 MiB.
inline constexpr std::size_t kMaxSparseRuns = std::size_t{1} << 20;

/// A piece of a sparse file that the archive holds; what lies between the pieces is zeros.
struct SparseRun {
  std::uint64_t offset;
  std::uint64_t length;
};

/// Appends the runs of an old GNU header's or continuation block's table, up to the first unused
/// entry; false if a number in it is bad or there are too many.
bool append_gnu_runs(const char* block, Field table, std::vector<SparseRun>& runs);
/// GNU.sparse.map of format 0.1: offsets and lengths in turn, comma-separated.
std::optional<std::vector<SparseRun>> parse_sparse_map(std::string_view map);

/// The map of format 1.0, which comes before a file's content: the number of runs, then offsets and
/// lengths in turn, one decimal number a line; zeros fill its last 512-byte block.
class SparseMapParser {
 public:
  enum class State { unfinished, done, bad };
  /// Takes one block of the map.
  State feed(std::string_view block);
  std::vector<SparseRun> take() { return std::move(runs_); }

 private:
  State number(std::uint64_t value);
  std::optional<std::uint64_t> missing_;  ///< numbers still to come, once the count is known
  std::optional<std::uint64_t> offset_;   ///< of the run whose length comes next
  std::uint64_t value_ = 0;
  unsigned digits_ = 0;
  std::vector<SparseRun> runs_;
};

/// Whether the runs are in order, don't overlap and end within `size`.
bool is_sound(const std::vector<SparseRun>& runs, std::uint64_t size);
/// Bytes that the archive holds of the file. The runs must be sound.
std::uint64_t stored_size(const std::vector<SparseRun>& runs);

}  // namespace kiln::archive
