// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::frontend {

/// EXPOSE's words as config keys: `80` → 80/tcp, `7000-7002/udp` → three of them. An address or a
/// host port before it (`127.0.0.1:80:80`) is dropped, as docker does.
Result<std::vector<std::string>> parse_ports(std::string_view text);

/// A signal's number or name, with or without SIG, as STOPSIGNAL takes it.
bool is_signal(std::string_view text);

}  // namespace kiln::frontend
