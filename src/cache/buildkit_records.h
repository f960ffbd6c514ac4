// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/strings.h"
#include "oci/digest.h"
#include "oci/manifest.h"

namespace kiln::cache {

/// A layer of a cache of BuildKit's form, by what it is and by the blob that holds it.
struct BuildkitLayer {
  oci::DiffId diff_id;
  oci::Descriptor blob;
};

/// The records of a cache of BuildKit's form: what steps are, what they stand on, and the layers
/// that some of them came to.
class BuildkitRecords {
 public:
  /// A root file system.
  struct Outcome {
    std::vector<BuildkitLayer> layers;  ///< lowest first
    TimePoint created;
  };
  /// A record that another one stands on, and which part of it.
  struct Link {
    std::size_t record = 0;
    std::string selector;
    auto operator<=>(const Link&) const = default;
  };
  /// Those that stand for one thing.
  using Matches = std::set<std::size_t>;
  /// What a step may stand on, in one of its inputs.
  using Choices = std::set<Link>;

  /// A layer, and the number of the one below it in its list; -1 for none. Of one that can't be had
  /// it is unknown which it is.
  struct ListedLayer {
    std::optional<BuildkitLayer> layer;
    std::int64_t parent = -1;
  };
  /// Adds those of a list, as it stands in an image's config and as `records` in a cache config.
  /// Kind corrupt for what is no such list; a result that can't be had is left out.
  Result<void> add(const nlohmann::json& records, const std::vector<ListedLayer>& layers);

  bool empty() const { return records_.empty(); }
  bool has(const std::string& digest) const { return by_digest_.contains(digest); }
  /// Records of this digest that in each of their inputs stand on one of `inputs`, as BuildKit's
  /// solver finds them.
  Matches find(const std::string& digest, const std::vector<Choices>& inputs) const;
  /// The newest outcome of some records.
  const Outcome* outcome(const Matches& records) const;

 private:
  struct Record {
    std::vector<Choices> inputs;
    std::optional<Outcome> outcome;
  };
  std::vector<Record> records_;
  std::multimap<std::string, std::size_t> by_digest_;
};

}  // namespace kiln::cache
