// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/cdi_registry.h"
#include "executor/executor.h"

namespace kiln::solver {

/// Where a secret's value is. It is read when a step needs it and kept in memory only.
struct SecretSource {
  enum class Kind { file, environment };
  Kind kind = Kind::file;
  std::string name;  ///< path of the file, or name of the variable
};

/// An agent that holds keys: one that is there already, or one to be made of key files.
struct SshSource {
  std::string socket;             ///< empty: of `keys`
  std::vector<std::string> keys;  ///< paths
};

/// What RUN steps are given that is no part of the Dockerfile, and of no key: a step says by name
/// what of it it uses.
struct RunEnvironment {
  std::map<std::string, SecretSource> secrets;
  std::map<std::string, SshSource> ssh;
  std::vector<executor::ExtraHost> hosts;
  std::vector<executor::BindMount> volumes;
  executor::Resources resources;
  std::shared_ptr<const executor::CdiRegistry> devices;  ///< may be none
};

/// nullopt if nobody gave a secret of this id.
Result<std::optional<std::string>> secret_value(const RunEnvironment& run, const std::string& id);

}  // namespace kiln::solver
