// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "llb/op.h"
#include "snapshot/layer_builder.h"
#include "snapshot/layer_view.h"
#include "solver/copy_selection.h"
#include "solver/owner.h"
#include "solver/step_cache.h"
#include "solver/step_context.h"

namespace kiln::solver {

/// The layer of a COPY, ADD or WORKDIR: planned over what lies below it, then written.
class FilePlan {
 public:
  /// What is planned; all of it outlives the plan.
  struct Input {
    const llb::FileOp& op;
    const std::vector<SourceTree*>& sources;  ///< a copy's `source` counts from 1
    std::vector<Selection>& selections;       ///< of the copies, in their order
  };
  /// Archives are unpacked into temporary folders, nothing else is written. Kind invalid_input for
  /// what can't be put onto what is there.
  static Result<std::unique_ptr<FilePlan>> make(SolveContext& context, const StepInputs& inputs,
                                                Input input);
  FilePlan(const FilePlan&) = delete;
  FilePlan& operator=(const FilePlan&) = delete;

  /// The key of the layer by what is planned; nullopt as long as a file's content is not known.
  Result<std::optional<std::string>> key();
  Result<StepOutcomeResult> write();
  /// Whether a file turned out to hold what its selection did not say: what was made of the
  /// selections is void then, which say it now.
  bool has_read_other() const { return has_read_other_; }

 private:
  FilePlan(SolveContext& context, const StepInputs& inputs, Input input, snapshot::LayerView base)
      : context_(&context), inputs_(&inputs), input_(input), base_(std::move(base)) {}

  Result<void> plan();
  Result<void> apply(const llb::MkdirAction& mkdir);
  Result<void> apply(const llb::InlineFileAction& file);
  Result<void> apply(const llb::CopyAction& copy, Selection& selection);
  Result<void> copy_match(const llb::CopyAction& copy, Match& match, const Owner& owner);
  Result<void> put(const llb::CopyAction& copy, SelectedFile& file, const os::RelPath& path,
                   const Owner& owner);
  Result<void> unpack(const llb::CopyAction& copy, Match& match, const Owner& owner);
  Result<Owner> owner_of(const std::string& text) const;
  Result<os::RelPath> prepare_destination(const std::string& destination, const std::string& chmod,
                                          const Owner& owner);
  Result<bool> is_directory(const os::RelPath& path) const;
  SourceTree& source_of(const llb::CopyAction& copy) const {
    return *input_.sources[copy.source - 1];
  }
  std::optional<snapshot::MtimeLimit> mtime_limit() const;
  Result<std::optional<snapshot::EarlierLayer>> earlier_layer() const;
  void note_content(std::size_t tag, const os::FileInfo& as_read, const Sha256Bytes& digest,
                    const TimePoint& before);
  void spread_group_facts();

  SolveContext* context_;
  const StepInputs* inputs_;
  Input input_;
  snapshot::LayerView base_;
  std::optional<snapshot::LayerBuilder> builder_;
  bool has_read_other_ = false;
  std::optional<std::string> key_;  ///< of what the files are known to hold
  std::vector<std::pair<SelectedFile*, SourceTree*>> tagged_;
  std::map<std::pair<SourceTree*, std::size_t>, Sha256Bytes> group_content_;
  /// The builder moves files out of these when it writes; a deque, for it points to them.
  std::deque<store::ScratchDir> scratches_;
};

}  // namespace kiln::solver
