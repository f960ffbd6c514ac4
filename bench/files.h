// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "os/test_temp_dir.h"

/// What the benchmarks work on: a folder of its own, on tmpfs where there is one.
namespace kiln::bench {

using os::test::must;

class Folder {
 public:
  std::string path(const std::string& name = "") const { return top_.path() + "/" + name; }
  void write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(std::filesystem::path(path(name)).parent_path());
    std::ofstream(path(name), std::ios::binary) << content;
  }
  /// Files of `size` bytes, 50 in a directory.
  void fill(std::int64_t files, std::size_t size) const {
    for (std::int64_t i = 0; i < files; ++i) {
      std::string content = fmt::format("{}\n", i);
      content.resize(size, 'x');
      write(fmt::format("tree/d{}/f{}.c", i / 50, i), content);
    }
  }

 private:
  os::test::TempDir top_{std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp"};
};

}  // namespace kiln::bench
