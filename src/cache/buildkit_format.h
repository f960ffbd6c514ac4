// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "cache/step_manifest.h"
#include "cache/storage.h"
#include "oci/platform.h"

/// BuildKit's form of a cache (its cache/remotecache/v1/types/doc.go), with kiln's keys as digests:
/// BuildKit reads it and finds nothing of its own, kiln reads BuildKit's and finds nothing of its
/// own. Records and layers stand in a config blob, or, inline, the records in an image's config.
namespace kiln::cache {

inline constexpr std::string_view kBuildkitConfigType = "application/vnd.buildkit.cacheconfig.v0";

/// What stands as `moby.buildkit.cache.v0` in the config of an image of these layers: the results
/// that are layers of it.
std::string inline_cache(const std::vector<oci::DiffId>& layers,
                         const std::vector<CachedStep>& steps);

struct BuildkitCache {
  std::string config, manifest;
};
/// The config blob and, as an image manifest, what names it and the layers.
BuildkitCache buildkit_cache(const std::vector<CachedStep>& steps);

/// What is said of kiln's steps under `version`: by a cache of BuildKit's form, or by the config of
/// an image, of an index the one for `platform`. Nothing where there is nothing.
Result<std::vector<CachedStep>> read_buildkit_cache(Storage& storage, const std::string& version,
                                                    const oci::Platform& platform,
                                                    const std::stop_token& stop);

}  // namespace kiln::cache
