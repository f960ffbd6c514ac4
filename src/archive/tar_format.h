// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kiln::archive {

/// The layout of a tar header block, shared by the writer and the reader: POSIX.1-2017 pax, "ustar
/// Interchange Format", and <tar.h> of GNU tar for the sparse fields.
inline constexpr std::size_t kBlockSize = 512;

struct Field {
  std::size_t offset;
  std::size_t size;
};
inline constexpr Field kName{0, 100};
inline constexpr Field kMode{100, 8};
inline constexpr Field kUid{108, 8};
inline constexpr Field kGid{116, 8};
inline constexpr Field kSize{124, 12};
inline constexpr Field kMtime{136, 12};
inline constexpr Field kChecksum{148, 8};
inline constexpr Field kTypeFlag{156, 1};
inline constexpr Field kLinkName{157, 100};
inline constexpr Field kMagic{257, 8};  ///< with the version
inline constexpr Field kDeviceMajor{329, 8};
inline constexpr Field kDeviceMinor{337, 8};
inline constexpr Field kPrefix{345, 155};
inline constexpr Field kStarPrefix{345, 131};
inline constexpr Field kStarTrailer{508, 4};
inline constexpr Field kGnuRealSize{483, 12};
/// Sparse runs (offset and length, 12 bytes each) of an old GNU header and of the blocks that go on
/// with them; the byte after the last says whether another such block follows.
inline constexpr Field kGnuSparse{386, 4 * std::size_t{24}};
inline constexpr Field kGnuMoreSparse{0, 21 * std::size_t{24}};

inline constexpr std::string_view kPosixMagic{"ustar\0", 6};
inline constexpr std::string_view kPosixMagicAndVersion{"ustar\00000", 8};
inline constexpr std::string_view kGnuMagicAndVersion{"ustar  \0", 8};
inline constexpr std::string_view kStarTrailerText{"tar\0", 4};

inline constexpr std::uint64_t kMaxOctal7 = 07777777;
inline constexpr std::uint64_t kMaxOctal11 = 077777777777;

inline constexpr std::string_view kSchilyXattr = "SCHILY.xattr.";
inline constexpr std::string_view kLibarchiveXattr = "LIBARCHIVE.xattr.";

/// A field's text: what comes before its first NUL.
std::string_view field_text(const char* block, Field field);
/// A field's number: octal digits with blanks and NULs around them (zero if there is nothing else),
/// or GNU's base-256, whose first bit is set; nullopt if it is neither or more than 63 bits and a
/// sign.
std::optional<std::int64_t> field_number(const char* block, Field field);

struct HeaderChecksum {
  std::uint32_t as_unsigned;
  std::int32_t as_signed;  ///< as some historic writers summed
};
/// The sum of the 512 bytes at `block`, its checksum field taken as blanks.
HeaderChecksum header_checksum(const char* block);
/// Whether the block's checksum field holds either sum.
bool has_right_checksum(const char* block);

}  // namespace kiln::archive
