// SPDX-License-Identifier: Apache-2.0
#include "executor/standard_devices.h"

#include "os/dir.h"
#include "os/file_io.h"

namespace kiln::executor {

Result<std::string> make_standard_devices(const std::string& folder) {
  TRY(os::ensure_directory(folder, 0700));
  const os::Dir dir = TRY(os::Dir::open(folder));
  for (const StandardDevice& device : kStandardDevices) {
    auto made =
        dir.create_device(device.name, os::FileType::char_device, 0666, device.major, device.minor);
    if (!made && made.error().kind() == ErrorKind::permission) return std::string();
    TRY(std::move(made));
  }
  return folder;
}

void protect_standard_devices(os::SpawnOptions& options) {
  for (const StandardDevice& device : kStandardDevices) {
    for (os::ChildMount& mount : os::read_only_file(std::string("/dev/") + device.name))
      options.mounts.push_back(std::move(mount));
  }
}

}  // namespace kiln::executor
