// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "llb/graph.h"
#include "oci/digest.h"
#include "oci/manifest.h"

/// How steps' results stand in a cache, docs/remote-cache.md. An OCI image manifest with one layer
/// for each result, whose annotations say which step made it:
///
///     io.kiln.cache.key           the step's key
///     io.kiln.cache.diff-id       of the layer
///     io.kiln.cache.created       RFC 3339
///     io.kiln.cache.milliseconds  how long it took
///     io.kiln.cache.instruction   for people
///
/// Where the cache has the record alone, OCI's empty descriptor stands for the layer.
namespace kiln::cache {

struct CachedStep {
  std::string key;
  oci::DiffId layer;
  oci::Descriptor blob;  ///< compressed; without annotations
  bool has_layer() const;
  TimePoint created;
  std::int64_t milliseconds = 0;
  std::string instruction;
};

/// The config that all of them have: a blob `{}`.
oci::Descriptor step_config();
inline constexpr std::string_view kStepConfigText = "{}";

/// In place of a layer that the cache has not: the blob `{}` too.
oci::Descriptor no_layer();

std::string step_manifest(const std::vector<CachedStep>& steps);
/// Kind corrupt for anything else. What kiln did not write in an entry is left out of it.
Result<std::vector<CachedStep>> parse_step_manifest(std::string_view json);

/// The tag under which the results of all steps of a build stand together, so that one request
/// brings them: by what the steps are, not by what they read.
std::string build_tag(const llb::Graph& graph, const std::vector<llb::VertexId>& targets);

}  // namespace kiln::cache
