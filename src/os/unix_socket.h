// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "base/result.h"
#include "os/fd.h"

/// Stream sockets of the file system.
namespace kiln::os {

/// Listens at `name` in `folder`, however long the folder's path is.
Result<Fd> listen_unix(const std::string& folder, const std::string& name);
/// Waits for a connection. Kind cancelled once shut_down was called for the listener.
Result<Fd> accept_unix(const Fd& listener);
Result<Fd> connect_unix(const std::string& path);
/// Ends what others do with the socket: reads see its end, accept_unix returns. Any thread.
void shut_down(const Fd& socket);

}  // namespace kiln::os
