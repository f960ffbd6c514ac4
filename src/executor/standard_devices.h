// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <string>

#include "base/result.h"
#include "os/process.h"

namespace kiln::executor {

/// A character device that every container has in /dev.
struct StandardDevice {
  const char* name;
  unsigned major;
  unsigned minor;
};
inline constexpr std::array<StandardDevice, 6> kStandardDevices = {{{"null", 1, 3},
                                                                    {"zero", 1, 5},
                                                                    {"full", 1, 7},
                                                                    {"random", 1, 8},
                                                                    {"urandom", 1, 9},
                                                                    {"tty", 5, 0}}};

/// Makes a run's own in a new directory `folder`, which is returned: what the run does to their
/// modes, owners and times is not done to the machine's. Empty where none can be made.
Result<std::string> make_standard_devices(const std::string& folder);

/// Lets the process see the machine's read-only: in a user namespace the runtime mounts those, and
/// in the one for emulation root is the machine's root.
void protect_standard_devices(os::SpawnOptions& options);

}  // namespace kiln::executor
