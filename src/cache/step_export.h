// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/compression.h"
#include "base/result.h"
#include "cache/buildkit_export.h"
#include "cache/storage.h"
#include "solver/step_context.h"

namespace kiln::cache {

struct ExportOptions {
  archive::Compression compression = archive::Compression::zstd;
  int level = archive::kUsualLevel;
  /// Also of layers that are known in another form.
  bool force_compression = false;
  /// Of results that are none of these layers only the records, so that what stands on them is
  /// found, and in BuildKit's form nothing; nullopt: all layers.
  std::optional<std::set<oci::DiffId>> only = {};
  /// BuildKit's form, under this tag, in place of kiln's own.
  std::optional<std::string> buildkit_tag = {};
  /// In it, the steps of these results by BuildKit's names too. Both or none.
  const BuildkitExport* buildkit = nullptr;
  const BuildkitExport::Results* results = nullptr;
  unsigned at_once = 4;
  std::stop_token stop = {};
};

struct ExportReport {
  std::size_t keys = 0;     ///< that the cache has now
  std::size_t written = 0;  ///< of them, those that it did not have
  std::size_t layers = 0;   ///< sent
};

/// The results that a build had under their keys, each once, and those of their runs under others.
Result<std::vector<solver::UsedRecord>> collect_records(solver::SolveContext& context);

/// Writes the results of a build's steps: of each key a manifest of its own, which is written after
/// its layer, and under `build_tag` all of them together. A key that the cache has stays as it is
/// unless this build ran the step and it came out otherwise, or has the layer and the cache not.
/// Layers that the cache has are not sent.
Result<ExportReport> export_steps(solver::SolveContext& context, Storage& storage,
                                  const std::string& build_tag, const ExportOptions& options);

}  // namespace kiln::cache
