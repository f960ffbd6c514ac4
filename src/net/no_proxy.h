// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace kiln::net {

/// Whether `url` is asked without a proxy, by a list as no_proxy holds it, whose entries are read
/// as Go's httpproxy reads them: `*`; an address or network; a domain, which stands for those below
/// it too; `.domain` and `*.domain` for those below alone; each but a network with `:PORT`. This
/// machine always is.
bool goes_without_proxy(std::string_view url, std::string_view list);

}  // namespace kiln::net
