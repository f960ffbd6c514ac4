// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace kiln {
[[noreturn]] void check_failed(const char* condition, const char* file, int line);
}

/// For broken invariants of this program, on in release too; never for input.
#define CHECK(condition) \
  (static_cast<bool>(condition) ? void() : ::kiln::check_failed(#condition, __FILE__, __LINE__))
