// SPDX-License-Identifier: Apache-2.0
#include "cli/image_tree.h"

#include <gtest/gtest.h>

namespace kiln::cli {
namespace {

TreeImage plain(std::vector<std::string> names) {
  TreeImage out;
  out.names = std::move(names);
  out.id = "sha256:f87b84a4d2d3c1e0";
  out.size = 1'980'000;
  return out;
}

TEST(ImageTree, ImagesAreALineEach) {
  EXPECT_EQ(render_image_tree({plain({"debian:bookworm"}), plain({"a:1", "b:2"}), plain({})}, 80,
                              TreeColours::no),
            "                                                              Info ->  U In Use \n"
            "\n"
            "IMAGE             ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
            "debian:bookworm   f87b84a4d2d3       1.98MB             0B\n"
            "a:1\n"
            "b:2               f87b84a4d2d3       1.98MB             0B\n"
            "<untagged>        f87b84a4d2d3       1.98MB             0B\n");
}

TEST(ImageTree, PlatformsAreBranches) {
  TreeImage image = plain({"app:1"});
  image.platforms = {{"linux/amd64", "sha256:111111111111aa", true, 3000, 1000},
                     {"linux/arm64", "sha256:222222222222bb", false, 0, 0}};
  const std::string text = render_image_tree({image}, 80, TreeColours::no);
  EXPECT_EQ(text.substr(text.find("IMAGE")),
            "IMAGE            ID             DISK USAGE   CONTENT SIZE   EXTRA\n"
            "app:1            f87b84a4d2d3       1.98MB             0B\n"
            "├─ linux/amd64   111111111111          3kB            1kB\n"
            "└─ linux/arm64   222222222222           0B             0B\n"
            "\n");
  const std::string coloured = render_image_tree({image}, 80, TreeColours::yes);
  EXPECT_NE(coloured.find("\x1b[2m└─ linux/arm64"), std::string::npos);
  EXPECT_EQ(coloured.find("\x1b[2m├─"), std::string::npos);
}

TEST(ImageTree, NarrowTerminalsLoseColumnsAndLongNamesGetALine) {
  const std::string text =
      render_image_tree({plain({"registry.example/a/long/name:1"})}, 30, TreeColours::no);
  EXPECT_EQ(text.find("DISK"), std::string::npos);
  EXPECT_NE(text.find("registry.example/a/long/name:1\n"), std::string::npos);
}

}  // namespace
}  // namespace kiln::cli
