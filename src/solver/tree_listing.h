// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "store/stat_index.h"

namespace kiln::solver {

/// What a walk saw of a file or a directory with all below it, as bytes, for a later walk to
/// compare with: the top's stat, then folders, their entries, and text with all names.
class TreeListing {
 public:
  static constexpr std::uint32_t kNone = UINT32_MAX;
  struct Folder {
    std::uint32_t first = 0, count = 0;  ///< entries, sorted bytewise by name
  };
  struct Entry {
    store::StatFacts stat;
    /// Where in the text its name is; after that and a NUL, of a symlink, its target and another.
    std::uint32_t name = 0;
    std::uint32_t folder = kNone;  ///< what is in it, of a directory that was entered
    bool is_symlink = false;
    bool ignored = false;  ///< itself: there only for what was taken back below it
    std::uint8_t unused[6] = {};
  };

  /// A view of `bytes`, which must outlive it; nullopt if they are no such thing. Folder 0 is the
  /// top's, if that is a directory.
  static std::optional<TreeListing> parse(std::string_view bytes);

  const store::StatFacts& top() const { return top_; }
  std::uint32_t folder_count() const { return folder_count_; }
  Folder folder(std::uint32_t index) const { return at<Folder>(folders_, index); }
  Entry entry(std::uint32_t index) const { return at<Entry>(entries_, index); }
  const char* name(const Entry& entry) const { return text_ + entry.name; }
  const char* link_target(const Entry& entry) const {
    const char* at = name(entry);
    return at + std::char_traits<char>::length(at) + 1;
  }

  /// Makes one. A folder comes before those in it.
  class Builder {
   public:
    explicit Builder(const store::StatFacts& top) : top_(top) {}
    /// With room for so many entries; returns its number.
    std::uint32_t add_folder(std::size_t count);
    /// The next one of the folder added last; returns its number.
    std::uint32_t add_entry(Entry entry, std::string_view name, std::string_view link_target);
    void set_folder(std::uint32_t entry, std::uint32_t folder) { entries_[entry].folder = folder; }
    std::string bytes() const;

   private:
    store::StatFacts top_;
    std::vector<Folder> folders_;
    std::vector<Entry> entries_;
    std::string text_;
  };

 private:
  template <typename T>
  static T at(const char* array, std::uint32_t index) {
    T out;
    std::memcpy(&out, array + sizeof(T) * index, sizeof out);
    return out;
  }
  bool is_sound(std::size_t entry_count, std::size_t text_size) const;

  store::StatFacts top_;
  std::uint32_t folder_count_ = 0;
  const char* folders_ = nullptr;
  const char* entries_ = nullptr;
  const char* text_ = nullptr;
};

}  // namespace kiln::solver
