// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/cdi_spec.h"

namespace kiln::executor {

/// The devices that a machine describes in folders of CDI files (*.json, *.yaml, *.yml), by their
/// full names, `vendor.com/class=name`. The folders are read when something is first asked for; all
/// functions may be called from any thread.
class CdiRegistry {
 public:
  /// Of two files that have the same device the one in the later folder counts; in one folder they
  /// hide it. Folders that aren't there are empty.
  explicit CdiRegistry(std::vector<std::string> folders) : folders_(std::move(folders)) {}

  const std::vector<std::string>& folders() const { return folders_; }
  /// Sorted.
  std::vector<std::string> names() const;
  /// What a Dockerfile's name stands for, as BuildKit reads it: one device (`kind=name`), the first
  /// of its kind (`kind`), all of them (`kind=*`), or all whose class annotation it is. Empty if
  /// there is none.
  std::vector<std::string> find(const std::string& requested) const;
  /// nullptr if there is no such device.
  const std::map<std::string, std::string>* annotations(const std::string& name) const;
  /// What a container with these devices, which were found, needs. Kind not_found for a device node
  /// that this machine lacks.
  Result<ContainerEdits> edits(const std::vector<std::string>& names) const;
  /// What is wrong with files that therefore don't count, a line each.
  std::vector<std::string> problems() const;

 private:
  struct Entry {
    CdiDevice device;
    std::shared_ptr<const ContainerEdits> common;  ///< its file's, once for all of its devices
    std::size_t folder = 0;
    bool ambiguous = false;
  };
  const std::map<std::string, Entry>& entries() const;
  void load() const;
  void load_file(const std::string& path, std::size_t folder) const;

  std::vector<std::string> folders_;
  mutable std::once_flag loaded_;
  mutable std::map<std::string, Entry> entries_;
  mutable std::vector<std::string> problems_;
};

}  // namespace kiln::executor
