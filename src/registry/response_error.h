// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace kiln::registry {

/// What a registry says to a request that failed, in its own words where it has some
/// (distribution spec, "Error Codes"): `manifest unknown: …`, else the status.
std::string failure_text(const net::HttpResponse& response);
/// The Error for it; the kind is that of net::check_status.
Error response_error(const net::HttpResponse& response, std::string_view what);

/// Whether the same request may do better a little later.
bool is_temporary(int status);
bool is_temporary(const Error& error);
/// Retry-After, if the server says so: seconds, or a date, which is compared with the server's own
/// where it tells that.
std::optional<std::chrono::seconds> retry_after(const net::HttpResponse& response);

}  // namespace kiln::registry
