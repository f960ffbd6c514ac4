// SPDX-License-Identifier: Apache-2.0
#include "cli/image_tree.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "format/units.h"
#include "oci/platform_match.h"
#include "oci/reference.h"

namespace kiln::cli {
namespace {

constexpr std::size_t kGap = 3;
constexpr std::size_t kNarrowestName = 12;
constexpr std::string_view kUntagged = "<untagged>";
constexpr std::string_view kBranch = "├─ ", kLastBranch = "└─ ";

struct Column {
  std::string_view title;
  std::size_t width;
  bool right;
};
constexpr std::array kColumns = {Column{"ID", 12, false}, Column{"DISK USAGE", 10, true},
                                 Column{"CONTENT SIZE", 12, true}, Column{"EXTRA", 5, false}};

/// Columns of a terminal; names and platforms are ASCII, branches are one wide each.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; }));
}

class TreePrinter {
 public:
  TreePrinter(const std::vector<TreeImage>& images, unsigned columns, TreeColours colours)
      : images_(&images), coloured_(colours == TreeColours::yes) {
    const std::size_t width = std::max(columns, 20U);
    name_width_ = width;
    // Columns for which the name's would get too narrow are left out, from the right.
    for (const auto& column : kColumns) {
      const std::size_t taken = column.width + kGap;
      if (name_width_ < taken + kNarrowestName) break;
      name_width_ -= taken;
      ++shown_;
    }
    name_width_ = std::min(name_width_, widest());
    const std::string legend = "Info ->  U In Use";
    legend_ = std::string(width > legend.size() + 1 ? width - legend.size() - 1 : 0, ' ') + legend;
  }

  std::string render() {
    out_ = legend_ + " \n\n";
    std::string line = painted(kTitle, left("IMAGE", name_width_));
    for (std::size_t i = 0; i < shown_; ++i) {
      const Column& c = kColumns[i];
      line += std::string(kGap, ' ') + painted(kTitle, fitted(c, c.title));
    }
    add(line);
    const bool spaced = std::ranges::any_of(
        *images_, [](const TreeImage& image) { return !image.platforms.empty(); });
    for (const auto& image : *images_) {
      print(image);
      if (spaced) out_ += "\n";
    }
    return std::move(out_);
  }

 private:
  static constexpr std::string_view kTitle = "\x1b[1m", kName = "\x1b[1;34m", kFaint = "\x1b[2m",
                                    kPlain = "";

  std::size_t widest() const {
    std::size_t out = std::string_view("IMAGE").size();
    for (const auto& image : *images_) {
      if (image.names.empty()) out = std::max(out, kUntagged.size());
      for (const auto& name : image.names) out = std::max(out, width_of(name));
      for (const auto& platform : image.platforms)
        out = std::max(out, platform.name.size() + width_of(kBranch));
    }
    return out;
  }

  static std::string left(std::string_view text, std::size_t width) {
    std::string out(text);
    if (width_of(text) < width) out.append(width - width_of(text), ' ');
    return out;
  }

  static std::string fitted(const Column& column, std::string_view text) {
    if (!column.right) return left(text, column.width);
    const std::size_t pad = column.width > text.size() ? column.width - text.size() : 0;
    return std::string(pad, ' ').append(text);
  }

  std::string painted(std::string_view colour, const std::string& text) const {
    if (!coloured_ || colour.empty()) return text;
    return std::string(colour) + text + "\x1b[0m";
  }

  void add(std::string line) {
    if (!coloured_) line.erase(line.find_last_not_of(' ') + 1);
    out_ += line + "\n";
  }

  std::string details(std::string_view id, std::uint64_t size, std::uint64_t content,
                      std::string_view colour) const {
    const std::array<std::string, kColumns.size()> cells = {
        format::truncate_id(id), format::human_size(static_cast<double>(size)),
        format::human_size(static_cast<double>(content)), ""};
    std::string out;
    for (std::size_t i = 0; i < shown_; ++i)
      out += std::string(kGap, ' ') + painted(colour, fitted(kColumns[i], cells[i]));
    return out;
  }

  void print(const TreeImage& image) {
    for (std::size_t i = 0; i + 1 < image.names.size(); ++i) add(painted(kName, image.names[i]));
    std::string name = image.names.empty() ? std::string(kUntagged) : image.names.back();
    if (width_of(name) > name_width_) {
      add(painted(kName, name));
      name.clear();
    }
    const std::string_view colour = image.names.empty() ? kFaint : kName;
    add(painted(colour, left(name, name_width_)) +
        details(image.id, image.size, image.content, kPlain));
    for (const auto& platform : image.platforms) {
      const bool last = &platform == &image.platforms.back();
      const std::string text = std::string(last ? kLastBranch : kBranch) + platform.name;
      const std::string_view shade = platform.available ? kPlain : kFaint;
      add(painted(shade, left(text, name_width_)) +
          details(platform.id, platform.size, platform.content, shade));
    }
  }

  const std::vector<TreeImage>* images_;
  bool coloured_;
  std::size_t name_width_ = 0, shown_ = 0;
  std::string legend_, out_;
};

/// Bytes of the blobs that are in the store for an image.
Result<std::uint64_t> content_size(store::Store& store, const store::Image& image) {
  const std::string text = TRY(store.blobs().read(image.manifest));
  const oci::Manifest manifest = TRY(oci::Manifest::parse(text));
  std::uint64_t total = text.size() + manifest.config.size;
  for (const auto& layer : manifest.layers) {
    if (store.blobs().has(layer.digest)) total += layer.size;
  }
  return total;
}

Result<TreeImage> tree_of_index(store::Store& store, const store::StoredIndex& index) {
  TreeImage out;
  for (const auto& name : index.names) {
    const oci::Reference reference = TRY(oci::Reference::parse(name));
    out.names.push_back(reference.familiar());
  }
  out.id = index.digest.str();
  out.content = index.size;
  for (const auto& entry : index.content.manifests) {
    if (oci::is_attestation(entry)) continue;
    TreeImage::Platform platform;
    platform.name = entry.platform ? entry.platform->str() : "unknown";
    platform.id = entry.digest.str();
    if (const store::Image* image = index.find(entry.digest)) {
      platform.available = true;
      platform.content = TRY(content_size(store, *image));
      platform.size = platform.content + image->size;
      out.content += platform.content;
      out.size += platform.size;
    }
    out.platforms.push_back(std::move(platform));
  }
  return out;
}

}  // namespace

Result<void> add_tree_images(store::Store& store, const store::Image& image, bool all,
                             std::vector<TreeImage>& out) {
  std::vector<std::string> own;
  std::vector<oci::Digest> indexes;
  for (const auto& name : image.names) {
    const auto found = TRY(store.images().find(name));
    if (found && found->index) {
      indexes.push_back(*found->index);
      continue;
    }
    const oci::Reference reference = TRY(oci::Reference::parse(name));
    own.push_back(reference.familiar());
  }
  std::ranges::sort(indexes);
  const auto repeated = std::ranges::unique(indexes);
  indexes.erase(repeated.begin(), repeated.end());
  for (const auto& digest : indexes) {
    const auto index = TRY(store.indexes().find(digest));
    if (!index) continue;
    TreeImage tree = TRY(tree_of_index(store, *index));
    out.push_back(std::move(tree));
  }
  const bool held = TRY(store.images().is_in_named_index(image));
  if (own.empty() && (!indexes.empty() || held || !all)) return {};
  TreeImage tree;
  tree.names = std::move(own);
  tree.id = image.id.str();
  tree.content = TRY(content_size(store, image));
  tree.size = tree.content + image.size;
  out.push_back(std::move(tree));
  return {};
}

std::string render_image_tree(const std::vector<TreeImage>& images, unsigned columns,
                              TreeColours colours) {
  return TreePrinter(images, columns, colours).render();
}

}  // namespace kiln::cli
