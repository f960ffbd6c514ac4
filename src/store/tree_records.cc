// SPDX-License-Identifier: Apache-2.0
#include "store/tree_records.h"

#include <algorithm>
#include <utility>

#include "base/packed.h"
#include "os/fd.h"

namespace kiln::store {
namespace {

constexpr std::string_view kTreeRecordsMagic = "kiln tree records 1\n";
/// Whole contexts are large, and a project has few COPY instructions.
constexpr std::size_t kMostRecords = 16;
constexpr std::size_t kMostBytes = std::size_t{128} << 20;

}  // namespace

void TreeRecords::load() {
  if (std::exchange(loaded_, true)) return;
  auto bytes = os::read_file(path_, 2 * kMostBytes);
  if (!bytes) return;
  file_ = *std::move(bytes);
  if (!parse(file_)) entries_.clear();
}

bool TreeRecords::parse(std::string_view bytes) {
  const auto body = checked_packed(bytes, kTreeRecordsMagic);
  if (!body) return false;
  std::string_view in = *body;
  while (!in.empty()) {
    Entry entry;
    std::uint64_t size = 0;
    if (!take_packed(in, entry.key, entry.digest, size) || size > in.size()) return false;
    entry.listing = in.substr(0, size);
    in.remove_prefix(size);
    entries_.push_back(entry);
  }
  return true;
}

std::optional<TreeRecord> TreeRecords::find(const Sha256Bytes& key) {
  load();
  const auto found = std::ranges::find(entries_, key, &Entry::key);
  if (found == entries_.end()) return std::nullopt;
  found->used = true;
  return TreeRecord{found->digest, found->listing};
}

void TreeRecords::put(const Sha256Bytes& key, const Sha256Bytes& digest, std::string listing) {
  load();
  std::erase_if(entries_, [&](const Entry& entry) { return entry.key == key; });
  // What was found before may still be read.
  added_.push_back(std::make_unique<std::string>(std::move(listing)));
  entries_.insert(entries_.begin(), Entry{key, digest, *added_.back(), /*used=*/true});
  changed_ = true;
}

Result<void> TreeRecords::save() {
  if (!std::exchange(changed_, false)) return {};
  std::ranges::stable_partition(entries_, &Entry::used);
  std::string out(kTreeRecordsMagic);
  for (std::size_t i = 0; i < std::min(entries_.size(), kMostRecords); ++i) {
    const Entry& entry = entries_[i];
    if (out.size() + entry.listing.size() > kMostBytes) continue;
    append_packed(out, entry.key, entry.digest, static_cast<std::uint64_t>(entry.listing.size()));
    out += entry.listing;
  }
  append_packed(out, sha256(out));
  return os::write_file_atomically(path_, out, 0600);
}

}  // namespace kiln::store
