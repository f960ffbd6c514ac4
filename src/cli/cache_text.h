// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "store/build_cache.h"

/// How docker shows what a cache holds.
namespace kiln::cli {

/// `1.053MB`
std::string cache_size_text(std::uint64_t bytes);
bool is_mutable(const store::CacheEntry& entry);
/// Some lines about an entry, and an empty one: what --verbose prints.
std::string describe_entry(const store::CacheEntry& entry);

}  // namespace kiln::cli
