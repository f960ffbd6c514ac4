// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "llb/graph.h"
#include "oci/digest.h"

namespace kiln::solver {

/// What a cache elsewhere says of the step of a key.
struct ImportedStep {
  oci::DiffId layer;  ///< that it made
  TimePoint created;
  std::int64_t milliseconds = 0;
};

struct SolveContext;

/// What a cache elsewhere has of a vertex of a build, found by other names than kiln's keys: the
/// layers of a whole root file system, lowest first.
struct OfferedStep {
  std::string name;  ///< 64 hexadecimal digits; says what is offered
  std::vector<oci::DiffId> layers;
  TimePoint created;
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
  /// What it has by other names, for the vertices that `targets` need. Before any of them runs.
  virtual std::map<llb::VertexId, OfferedStep> offers(SolveContext& context,
                                                      const llb::Graph& graph,
                                                      const std::vector<llb::VertexId>& targets,
                                                      const std::stop_token& stop) {
    (void)context, (void)graph, (void)targets, (void)stop;
    return {};
  }
  /// Whether what was offered still holds, now that the step's files have been read; then the
  /// topmost layer of it is found under `key` too.
  virtual bool take_offer(SolveContext& context, llb::VertexId vertex, const std::string& key,
                          const std::stop_token& stop) {
    (void)context, (void)vertex, (void)key, (void)stop;
    return false;
  }
  /// Whether it has the layer of a key that was found, not only the record.
  virtual bool has_layer(const std::string& key) {
    (void)key;
    return true;
  }
  /// Brings the layer of a key that was found into the store, verified against its diff ID.
  virtual Result<void> fetch_layer(const std::string& key, const std::stop_token& stop) = 0;
};

}  // namespace kiln::solver
