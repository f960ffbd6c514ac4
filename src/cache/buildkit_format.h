// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "cache/buildkit_records.h"
#include "cache/step_manifest.h"
#include "cache/storage.h"
#include "oci/platform.h"
#include "solver/step_context.h"

/// BuildKit's form of a cache (its cache/remotecache/v1/doc.go). Records and layers stand in a
/// config blob, or, inline, the records in an image's config. kiln's own steps stand there under
/// kiln's keys as records that stand on nothing.
namespace kiln::cache {

inline constexpr std::string_view kBuildkitConfigType = "application/vnd.buildkit.cacheconfig.v0";

/// The layers of a cache of BuildKit's form that is being written.
class BuildkitLayers {
 public:
  /// As members of a record: a result of these layers. Each of them has a blob.
  nlohmann::json place(const solver::StepResult& result,
                       const std::map<oci::DiffId, oci::Descriptor>& blobs);
  /// The same for one layer, whatever it stands on.
  nlohmann::json place(const CachedStep& step);

  const nlohmann::json& list() const { return list_; }
  const std::vector<oci::Descriptor>& blobs() const { return blobs_; }

 private:
  std::int64_t number_of(std::int64_t parent, const oci::DiffId& layer,
                         const oci::Descriptor& blob);

  nlohmann::json list_ = nlohmann::json::array();
  std::vector<oci::Descriptor> blobs_;
  std::map<std::pair<std::int64_t, oci::DiffId>, std::int64_t> numbers_;
};

/// Where a result stands in an image of `layers`; nullopt if it is not in it.
std::optional<nlohmann::json> place_in_image(const solver::StepResult& result,
                                             const std::vector<oci::DiffId>& layers);

/// What stands as `moby.buildkit.cache.v0` in the config of an image of these layers: `records`,
/// and those of `steps` whose results are layers of it.
std::string inline_cache(const std::vector<oci::DiffId>& layers, nlohmann::json records,
                         const std::vector<CachedStep>& steps);

struct BuildkitCache {
  std::string config, manifest;
};
/// The config blob and, as an image manifest, what names it and the layers.
BuildkitCache buildkit_cache(BuildkitLayers layers, nlohmann::json records,
                             const std::vector<CachedStep>& steps);

/// What a cache of BuildKit's form holds.
struct BuildkitContents {
  std::vector<CachedStep> steps;  ///< by kiln's keys
  BuildkitRecords records;        ///< by BuildKit's digests
};

/// Adds what stands under `version`: in a cache of BuildKit's form, or in the config of an image,
/// of an index the one for `platform`. Nothing where there is nothing.
Result<void> read_buildkit_cache(BuildkitContents& out, Storage& storage,
                                 const std::string& version, const oci::Platform& platform,
                                 const std::stop_token& stop);

}  // namespace kiln::cache
