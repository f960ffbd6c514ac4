// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::archive {

/// The records of pax extended headers by keyword. The pairs of GNU's sparse format 0.0
/// (GNU.sparse.offset and GNU.sparse.numbytes, given many times over) are kept in the form of 0.1:
/// one GNU.sparse.map of comma-separated numbers.
using PaxRecords = std::map<std::string, std::string, std::less<>>;

/// Reads an extended header's body (POSIX.1-2017 pax, "pax Extended Header") into `records`; a
/// keyword that is there already gets the new value. Kind corrupt if it isn't sound.
Result<void> parse_pax_records(std::string_view body, PaxRecords& records);

struct PaxTime {
  std::int64_t seconds = 0;
  std::uint32_t nanoseconds = 0;  ///< always later than `seconds`, before 1970 too
};
/// `[-]SECONDS[.FRACTION]`; digits past nanoseconds are dropped.
std::optional<PaxTime> parse_pax_time(std::string_view text);

/// The extended attributes that the records hold: SCHILY.xattr.NAME with raw values, and
/// LIBARCHIVE.xattr.NAME (percent-encoded) with base64 values where that is all there is.
Result<std::map<std::string, std::string>> pax_xattrs(const PaxRecords& records);

}  // namespace kiln::archive
