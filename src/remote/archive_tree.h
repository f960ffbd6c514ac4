// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "archive/byte_stream.h"
#include "base/result.h"
#include "os/dir.h"
#include "remote/access.h"
#include "remote/http_source.h"

namespace kiln::remote {

/// Whether a stream that begins so is an archive, and not a Dockerfile: a tar, or something
/// compressed. 1024 bytes are enough.
bool looks_like_archive(archive::Bytes head);

/// Unpacks a tar, compressed or not, into an empty directory on the store's file system, as ADD
/// does (snapshot::plan_archive): nothing of it leads outside, owners and modes are kept, but not
/// those of its root. Kind corrupt for what isn't sound.
Result<void> unpack_archive(const Access& access, archive::ByteSource& source, const os::Dir& into);

/// The content of a fetched archive; nullopt if the file is none. Kept for later builds.
Result<std::optional<store::KeptTree>> unpack_fetched(const Access& access,
                                                      const FetchedFile& file);

}  // namespace kiln::remote
