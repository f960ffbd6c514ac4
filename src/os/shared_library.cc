// SPDX-License-Identifier: Apache-2.0
#include "os/shared_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

namespace kiln::os {

Result<SharedLibrary> SharedLibrary::load(const std::string& name) {
  void* handle = ::dlopen(name.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* reason = ::dlerror();
    return unsupported(fmt::format("load {}: {}", name, reason != nullptr ? reason : "not found"));
  }
  return SharedLibrary(handle, name);
}

Result<void*> SharedLibrary::address(const char* symbol) const {
  void* found = ::dlsym(handle_, symbol);
  if (found == nullptr) return unsupported(fmt::format("{} has no function {}", name_, symbol));
  return found;
}

}  // namespace kiln::os
