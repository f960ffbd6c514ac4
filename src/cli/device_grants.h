// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/cdi_registry.h"
#include "frontend/build_plan.h"

namespace kiln::cli {

/// Which of the machine's devices RUN may have: those that `--allow device…` names, and those that
/// their CDI files allow everybody (BuildKit's annotation).
class DeviceGrants : public frontend::Devices {
 public:
  explicit DeviceGrants(std::shared_ptr<const executor::CdiRegistry> registry)
      : registry_(std::move(registry)) {}

  /// What follows `device` in a value of --allow: empty for all of them, or `=NAME[,alias=NAME]`.
  /// With an alias the Dockerfile's name is that.
  Result<void> allow(const std::string& text);
  Result<std::vector<std::string>> find(const std::string& name, bool required) override;

 private:
  Error missing(const std::string& name) const;
  Result<bool> is_granted(const std::string& device) const;

  std::shared_ptr<const executor::CdiRegistry> registry_;
  bool all_ = false;
  std::set<std::string> names_;
  std::map<std::string, std::string> aliases_;
};

}  // namespace kiln::cli
