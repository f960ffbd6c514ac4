// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"

namespace kiln::os {

/// A library that is loaded when it is first needed, and stays loaded until the process ends: for
/// what most commands do without and is slow to load.
class SharedLibrary {
 public:
  /// `name` as the dynamic linker looks it up, `libfoo.so.1`; kind unsupported if it can't be had.
  static Result<SharedLibrary> load(const std::string& name);

  /// The address of a function; kind unsupported if the library lacks it.
  template <typename Function>
  Result<Function*> find(const char* symbol) const {
    void* found = TRY(address(symbol));
    return reinterpret_cast<Function*>(found);
  }

 private:
  SharedLibrary(void* handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  Result<void*> address(const char* symbol) const;

  void* handle_;
  std::string name_;
};

}  // namespace kiln::os
