// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>

#include "base/strings.h"
#include "oci/digest.h"

namespace kiln::registry {

/// Which places gave other bytes than those of a digest. Thread-safe.
class DamagedBlobs {
 public:
  void note(const oci::Digest& blob, const std::string& place, std::string what) {
    const std::scoped_lock lock(mutex_);
    found_[{blob.str(), place}] = std::move(what);
  }
  bool has(const oci::Digest& blob, const std::string& place) const {
    const std::scoped_lock lock(mutex_);
    return found_.contains({blob.str(), place});
  }
  /// What was noted of the blob, or empty.
  std::string text(const oci::Digest& blob) const {
    const std::scoped_lock lock(mutex_);
    std::set<std::string> texts;
    for (const auto& [key, what] : found_) {
      if (key.first == blob.str()) texts.insert(what);
    }
    return join({texts.begin(), texts.end()}, "; ");
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::string> found_;  ///< guarded by mutex_
};

}  // namespace kiln::registry
