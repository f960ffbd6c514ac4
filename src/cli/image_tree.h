// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/store.h"

namespace kiln::cli {

/// An image of `images --tree`, with the platforms of its index.
struct TreeImage {
  struct Platform {
    std::string name;
    std::string id;
    bool available = false;
    std::uint64_t size = 0;     ///< on disk: its layers' files and blobs
    std::uint64_t content = 0;  ///< of its blobs
  };
  std::vector<std::string> names;
  std::string id;
  std::uint64_t size = 0;
  std::uint64_t content = 0;
  std::vector<Platform> platforms;
};

/// Adds what `image`'s names lead to, each index once. Nameless ones only with `all`.
Result<void> add_tree_images(store::Store& store, const store::Image& image, bool all,
                             std::vector<TreeImage>& out);

enum class TreeColours { yes, no };
/// As docker shows it on a terminal of so many columns.
std::string render_image_tree(const std::vector<TreeImage>& images, unsigned columns,
                              TreeColours colours);

}  // namespace kiln::cli
