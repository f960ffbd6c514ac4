// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/sha256.h"

namespace kiln::store {

/// What was seen of a tree of files, and the digest that was made of it.
struct TreeRecord {
  Sha256Bytes digest{};
  std::string_view listing;  ///< its meaning is the caller's; valid as long as the TreeRecords
};

/// Remembers whole selections of a build context's files by what they were selected with, so that
/// one in which nothing changed is recognised without looking at each file's facts. One file per
/// context, which is read when it is first asked. Not thread-safe.
class TreeRecords {
 public:
  /// A missing or unreadable file has none: it costs time, nothing else.
  explicit TreeRecords(std::string path) : path_(std::move(path)) {}

  std::optional<TreeRecord> find(const Sha256Bytes& key);
  /// Replaces the one of the same key.
  void put(const Sha256Bytes& key, const Sha256Bytes& digest, std::string listing);
  /// Writes them, if any was put: the ones asked for last first, as far as there is room.
  Result<void> save();

 private:
  struct Entry {
    Sha256Bytes key{};
    Sha256Bytes digest{};
    std::string_view listing;
    bool used = false;
  };
  void load();
  bool parse(std::string_view bytes);

  std::string path_;
  std::string file_;  ///< that listings are in
  std::vector<std::unique_ptr<std::string>> added_;
  std::vector<Entry> entries_;
  bool loaded_ = false;
  bool changed_ = false;
};

}  // namespace kiln::store
