// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

#include "base/result.h"

/// What the benchmarks work on: a folder of its own, on tmpfs where there is one.
namespace kiln::bench {

template <typename T>
T must(Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::exists("/dev/shm") ? "/dev/shm" : "/tmp") +
                          std::string("/kiln-bench-XXXXXX");
    if (::mkdtemp(pattern.data()) == nullptr) std::exit(1);
    path_ = pattern;
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  std::string path(const std::string& name = "") const { return path_ + "/" + name; }
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
  std::string path_;
};

}  // namespace kiln::bench
