// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

/// For tests only.
namespace kiln::os::test {

/// The value; an error ends the test (GoogleTest reports the exception as a failure).
template <typename T>
T must(Result<T> result) {
  if (!result.ok()) throw std::runtime_error(result.error().message());
  return std::move(result).value();
}

/// A new directory that is removed, with all in it, at the end.
class TempDir {
 public:
  TempDir() : TempDir(std::filesystem::temp_directory_path()) {}
  explicit TempDir(const std::filesystem::path& parent)
      : path_(parent / ("kiln-test-" + random_id())) {
    std::filesystem::create_directory(path_);
    dir_ = must(Dir::open(path_));
    must(dir_.set_mode(".", 0755));
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    dir_ = Dir();
    auto parent = Dir::open(path_.parent_path());
    if (parent.ok()) (void)parent->remove_tree(path_.filename().string()).ok();
  }

  std::string path() const { return path_; }
  std::string path(std::string_view below) const { return path_ / below; }
  const Dir& dir() const { return dir_; }

  /// A directory, with those above it, inside; open.
  Dir make_dir(std::string_view below) const {
    std::filesystem::create_directories(path_ / below);
    return must(Dir::open(path(below)));
  }
  void write(std::string_view below, std::string_view content) const {
    const Fd fd = must(create_or_truncate_file(path(below)));
    must(write_all(fd, content, below));
  }
  std::string read(std::string_view below) const { return must(read_file(path(below))); }
  bool exists(std::string_view below) const { return path_exists(path(below)); }

 private:
  std::filesystem::path path_;
  Dir dir_;
};

inline void write_file_in(const Dir& dir, std::string_view name, std::string_view content) {
  const Fd fd = must(dir.create_file(name, 0644));
  must(write_all(fd, content, name));
}

inline std::string read_file_in(const Dir& dir, std::string_view name) {
  const Fd fd = must(dir.open_for_reading(name));
  return must(read_all(fd, name, std::size_t{64} << 20));
}

}  // namespace kiln::os::test
