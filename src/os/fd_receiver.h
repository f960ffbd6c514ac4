// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

/// A Unix socket that somebody connects to in order to pass a descriptor (SCM_RIGHTS).
class FdReceiver {
 public:
  /// Listens at `name` in `folder`, however long the folder's path is.
  static Result<FdReceiver> create(const std::string& folder, const std::string& name);
  /// Readable once somebody connects.
  const Fd& fd() const { return listener_; }
  /// Waits for a connection and the descriptor.
  Result<Fd> receive() const;

 private:
  explicit FdReceiver(Fd listener) : listener_(std::move(listener)) {}
  Fd listener_;
};

}  // namespace kiln::os
