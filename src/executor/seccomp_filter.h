// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::executor {

/// Compiles the text of `linux.seccomp` (see resolve_seccomp) to the filter that the kernel runs,
/// an array of struct sock_filter. Takes some 10 ms for docker's profile, which is why it is done
/// here and once, not in the runtime for every container. System calls that libseccomp doesn't know
/// are left to the default action, as runtimes do.
Result<std::string> compile_seccomp(std::string_view seccomp);

/// The same, kept in a file of `folder` between processes. A file that can't be read or written, or
/// that is damaged, costs time only.
Result<std::string> cached_seccomp_filter(std::string_view seccomp, const std::string& folder);

}  // namespace kiln::executor
