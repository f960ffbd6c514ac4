// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::format {

/// Powers of 1000 with `precision` significant digits: `4.27MB`, `0B`, `1.05kB`. docker shows image
/// sizes with three digits, most other sizes with four.
std::string human_size(double bytes, int precision = 3);
/// Powers of 1024 with four significant digits: `64MiB`, `1.5GiB`.
std::string binary_size(double bytes);
/// `Less than a second`, `5 seconds`, `About a minute`, `3 weeks`: docker's rounding. Columns such
/// as CREATED add ` ago`.
std::string human_duration(std::chrono::nanoseconds duration);

/// A size with a binary suffix, as docker's `--memory` takes it: `64m`, `1.5g`, `10 KiB`, `512`.
Result<std::int64_t> parse_binary_size(std::string_view text);
/// The same with powers of 1000, as docker's filters on sizes take it.
Result<std::int64_t> parse_decimal_size(std::string_view text);
/// A duration as Go's time.ParseDuration takes it: `1m30s`, `1.5h`, `-10ms`, `0`.
Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// The 12 characters of an ID that docker shows, without `sha256:`.
std::string truncate_id(std::string_view id);
/// At most `columns` wide: a longer text loses its end and gets `…` in its place.
std::string ellipsis(std::string_view text, int columns);

}  // namespace kiln::format
