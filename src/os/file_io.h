// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.h"
#include "os/fd.h"

/// Files by plain path, for callers outside os/ that have no business with open(2)'s flags.
namespace kiln::os {

Result<Fd> open_for_reading(const std::string& path);
/// A new file for reading and writing; kind already_exists if there is one.
Result<Fd> create_file(const std::string& path, unsigned mode = 0644);
/// An existing file is emptied.
Result<Fd> create_or_truncate_file(const std::string& path, unsigned mode = 0644);
/// For reading and writing; what is written is added at its end. Made if there is none.
Result<Fd> open_for_appending(const std::string& path, unsigned mode = 0644);
/// At an offset, leaving the file's position alone; 0 at the end.
Result<std::size_t> read_at(const Fd& fd, std::span<std::byte> into, std::uint64_t offset,
                            std::string_view name);
Result<void> write_at(const Fd& fd, std::span<const std::byte> data, std::uint64_t offset,
                      std::string_view name);
/// Sets a file's length; what is added is a hole.
Result<void> resize_file(const Fd& fd, std::uint64_t size, std::string_view name);
/// Sets the file's position to its beginning.
Result<void> rewind_file(const Fd& fd, std::string_view name);
Result<void> rename_file(const std::string& from, const std::string& to);
/// Gone or never there: both fine.
void remove_file(const std::string& path);
Result<void> sync_file(const Fd& fd, const std::string& name);
/// Waits until everything that was written to the file system of `path` is on its disk.
Result<void> sync_file_system(const std::string& path);
/// kind not_found if there is none.
Result<std::uint64_t> file_size(const std::string& path);
/// Bytes beneath `path` for which there is room.
Result<std::uint64_t> free_space(const std::string& path);
/// The standard streams, as descriptors of their own.
Result<Fd> standard_input();
Result<Fd> standard_output();
Result<Fd> standard_error();
/// Writes a file of `mode` through `write` under a temporary name and renames it into place;
/// nothing is left of a failure. What exists and is no plain file (/dev/null, a fifo) is written to
/// as it is.
Result<void> write_output_file(const std::string& path, unsigned mode,
                               const std::function<Result<void>(const Fd&)>& write);
Result<void> write_output_file(const std::string& path, unsigned mode, std::string_view text);

}  // namespace kiln::os
