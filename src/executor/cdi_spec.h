// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "executor/container_edits.h"

namespace kiln::executor {

struct CdiDevice {
  std::string name;                                ///< within its kind
  std::map<std::string, std::string> annotations;  ///< the specification's too
  ContainerEdits edits;
};

/// A file of the Container Device Interface (SPEC.md, versions up to 1.1).
struct CdiSpec {
  std::string kind;  ///< "vendor.com/class"
  std::vector<CdiDevice> devices;
  ContainerEdits edits;  ///< of a container that has any of the devices
};

/// Kind corrupt, and says what of `root` breaks the specification; unsupported for network devices,
/// which only a container with a network of its own could have.
Result<CdiSpec> parse_cdi_spec(const nlohmann::json& root);

}  // namespace kiln::executor
