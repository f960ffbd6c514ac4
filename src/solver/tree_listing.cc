// SPDX-License-Identifier: Apache-2.0
#include "solver/tree_listing.h"

#include <type_traits>

#include "base/packed.h"

namespace kiln::solver {

static_assert(std::is_trivially_copyable_v<TreeListing::Entry> && sizeof(TreeListing::Entry) == 64);

std::optional<TreeListing> TreeListing::parse(std::string_view bytes) {
  TreeListing out;
  std::uint32_t entries = 0;
  if (!take_packed(bytes, out.top_, out.folder_count_, entries)) return std::nullopt;
  const std::size_t folders_size = sizeof(Folder) * std::size_t{out.folder_count_};
  const std::size_t entries_size = sizeof(Entry) * std::size_t{entries};
  if (bytes.size() < folders_size + entries_size) return std::nullopt;
  out.folders_ = bytes.data();
  out.entries_ = out.folders_ + folders_size;
  out.text_ = out.entries_ + entries_size;
  if (!out.is_sound(entries, bytes.size() - folders_size - entries_size)) return std::nullopt;
  return out;
}

/// Nothing in it leads outside, or in a circle.
bool TreeListing::is_sound(std::size_t entry_count, std::size_t text_size) const {
  if (entry_count > 0 && (text_size < 2 || text_[text_size - 1] != '\0')) return false;
  for (std::uint32_t i = 0; i < folder_count_; ++i) {
    const Folder here = folder(i);
    if (here.first > entry_count || here.count > entry_count - here.first) return false;
    for (std::uint32_t j = here.first; j < here.first + here.count; ++j) {
      const Entry each = entry(j);
      if (each.name >= text_size) return false;
      if (each.folder != kNone && (each.folder <= i || each.folder >= folder_count_)) return false;
      if (!each.is_symlink) continue;
      const std::size_t end = each.name + std::strlen(name(each));
      if (end + 1 >= text_size) return false;
    }
  }
  return true;
}

std::uint32_t TreeListing::Builder::add_folder(std::size_t count) {
  folders_.push_back(
      {static_cast<std::uint32_t>(entries_.size()), static_cast<std::uint32_t>(count)});
  return static_cast<std::uint32_t>(folders_.size() - 1);
}

std::uint32_t TreeListing::Builder::add_entry(Entry entry, std::string_view name,
                                              std::string_view link_target) {
  entry.name = static_cast<std::uint32_t>(text_.size());
  text_.append(name).push_back('\0');
  if (entry.is_symlink) text_.append(link_target).push_back('\0');
  entries_.push_back(entry);
  return static_cast<std::uint32_t>(entries_.size() - 1);
}

std::string TreeListing::Builder::bytes() const {
  std::string out;
  const std::size_t folders_size = sizeof(Folder) * folders_.size();
  const std::size_t entries_size = sizeof(Entry) * entries_.size();
  out.reserve(sizeof top_ + 8 + folders_size + entries_size + text_.size());
  append_packed(out, top_, static_cast<std::uint32_t>(folders_.size()),
                static_cast<std::uint32_t>(entries_.size()));
  out.append(reinterpret_cast<const char*>(folders_.data()), folders_size);
  out.append(reinterpret_cast<const char*>(entries_.data()), entries_size);
  return out += text_;
}

}  // namespace kiln::solver
