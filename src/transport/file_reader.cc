// SPDX-License-Identifier: Apache-2.0
#include "transport/file_reader.h"

#include "archive/fd_stream.h"

namespace kiln::transport {

Result<std::string> FileReader::read(const std::string& path, std::size_t limit) const {
  const auto source = TRY(open(path));
  return archive::read_all(*source, limit).context(path);
}

Result<bool> DirectoryReader::has(const std::string& path) const {
  const auto info = TRY(root_.find_beneath(os::RelPath::clean(path)));
  return info && info->type == os::FileType::file;
}

Result<std::unique_ptr<archive::ByteSource>> DirectoryReader::open(const std::string& path) const {
  const os::RelPath at = os::RelPath::clean(path);
  // Looked at first: opening a fifo or a device would do more than look.
  const auto info = TRY(root_.find_beneath(at));
  if (!info) return not_found(root_.path() + "/" + path + " is missing");
  if (info->type != os::FileType::file)
    return corrupt(root_.path() + "/" + path + " is not a plain file");
  os::Fd fd = TRY(root_.open_file_beneath(at));
  return std::unique_ptr<archive::ByteSource>(
      std::make_unique<archive::FileSource>(std::move(fd), root_.path() + "/" + path));
}

}  // namespace kiln::transport
