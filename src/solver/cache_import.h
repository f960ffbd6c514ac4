// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "base/strings.h"
#include "oci/digest.h"

namespace kiln::solver {

/// What a cache elsewhere says of the step of a key.
struct ImportedStep {
  oci::DiffId layer;  ///< that it made
  TimePoint created;
  std::int64_t milliseconds = 0;
};

/// A cache elsewhere that a build reads (--cache-from). It is believed in one thing: which layer a
/// step made. May be used by several threads.
class CacheImport {
 public:
  virtual ~CacheImport() = default;
  /// Tells caches apart; the same one in every build.
  virtual const std::string& place() const = 0;
  /// What can't be had is not there: looking up never fails a build.
  virtual std::optional<ImportedStep> find(const std::string& key, const std::stop_token& stop) = 0;
  /// Brings the layer of a key that was found into the store, verified against its diff ID.
  virtual Result<void> fetch_layer(const std::string& key, const std::stop_token& stop) = 0;
};

}  // namespace kiln::solver
