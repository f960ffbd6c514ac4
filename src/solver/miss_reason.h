// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/strings.h"

namespace kiln::solver {

/// One difference between a step and an earlier run of its instruction.
struct Change {
  enum class Kind {
    file_added,
    file_removed,
    file_content,
    file_mode,
    file_owner,
    file_type,
    link_target,
    file_xattrs,
    hard_links,
    option,  ///< of the instruction or its environment: `ENV A`, `--chown`, `the command`
    base,    ///< the image that the stage stands on
    below,   ///< the result of an earlier step, which is `subject`
  };
  Kind kind = Kind::option;
  std::string subject;        ///< a path, or what changed in the user's words
  std::string before, after;  ///< empty where it says nothing
  bool operator==(const Change&) const = default;
};

/// Why a step's result is not taken from the cache.
struct MissReason {
  enum class Kind {
    cache_off,    ///< the user said so
    never_run,    ///< no record of such an instruction
    result_gone,  ///< it was run, and its result has been deleted since
    changed,      ///< `changes` says how it differs from an earlier run
    follows,      ///< only what a step before it left is another: that step is `step`
  };
  Kind kind = Kind::never_run;
  std::vector<Change> changes;     ///< at most kMaxChanges of them
  std::size_t more = 0;            ///< how many are left out of `changes`
  std::string step;                ///< as progress names it
  TimePoint compared;              ///< when the earlier run was; unset without one
  std::int64_t milliseconds = -1;  ///< how long the nearest earlier run took; -1: unknown

  static constexpr std::size_t kMaxChanges = 100;
};

/// `file added`, `option` …: for programs.
std::string kind_word(Change::Kind kind);
std::string kind_word(MissReason::Kind kind);
/// `src/main.c: content`, `ENV A: 1 → 2`, on one line.
std::string describe(const Change& change);
/// One line: the first few changes.
std::string describe(const MissReason& reason);

}  // namespace kiln::solver
