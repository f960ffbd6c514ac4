// SPDX-License-Identifier: Apache-2.0
#include "snapshot/layer_contents.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/packed.h"
#include "os/fd.h"

namespace kiln::snapshot {
namespace {

constexpr std::string_view kMagic = "kiln layer contents 2\n";
constexpr std::size_t kMaxSize = std::size_t{1} << 30;

std::size_t common_prefix(std::string_view a, std::string_view b) {
  const std::size_t most = std::min(a.size(), b.size());
  return static_cast<std::size_t>(std::distance(
      a.begin(),
      std::mismatch(a.begin(), a.begin() + static_cast<std::ptrdiff_t>(most), b.begin()).first));
}

bool take_file(std::string_view& in, std::string_view before, ListedFile& file) {
  std::uint32_t kept = 0;
  std::string_view rest;
  if (!take_packed(in, kept) || kept > before.size() || !take_packed_text(in, rest)) return false;
  file.path.reserve(kept + rest.size());
  file.path.assign(before.substr(0, kept)).append(rest);
  return take_packed(in, file.mode, file.uid, file.gid, file.mtime, file.mtime_nanoseconds,
                     file.size, file.content);
}

}  // namespace

std::string LayerContents::encode() const {
  std::string out(kMagic);
  append_packed(out, static_cast<std::uint64_t>(marks.size()));
  for (const StreamMark& mark : marks) {
    append_packed(out, mark.entries, mark.plan, mark.hash.words, mark.hash.size);
  }
  append_packed(out, static_cast<std::uint64_t>(files.size()));
  std::string_view before;
  for (const ListedFile& file : files) {
    const std::size_t kept = common_prefix(before, file.path);
    append_packed(out, static_cast<std::uint32_t>(kept));
    append_packed_text(out, std::string_view(file.path).substr(kept));
    append_packed(out, file.mode, file.uid, file.gid, file.mtime, file.mtime_nanoseconds, file.size,
                  file.content);
    before = file.path;
  }
  append_packed(out, sha256(out));
  return out;
}

std::optional<LayerContents> LayerContents::decode(std::string_view in) {
  const auto body = checked_packed(in, kMagic);
  if (!body) return std::nullopt;
  in = *body;
  LayerContents out;
  std::uint64_t count = 0;
  if (!take_packed(in, count) || count > in.size()) return std::nullopt;
  out.marks.resize(count);
  for (StreamMark& mark : out.marks) {
    if (!take_packed(in, mark.entries, mark.plan, mark.hash.words, mark.hash.size))
      return std::nullopt;
  }
  if (!take_packed(in, count) || count > in.size()) return std::nullopt;
  out.files.resize(count);
  std::string_view before;
  for (ListedFile& file : out.files) {
    if (!take_file(in, before, file)) return std::nullopt;
    before = file.path;
  }
  if (!in.empty()) return std::nullopt;
  return out;
}

const ListedFile* ListedFiles::find(std::string_view path) {
  if (next_ < files_->size() && (*files_)[next_].path == path) return &(*files_)[next_++];
  const auto path_of = [&](std::size_t i) -> std::string_view { return (*files_)[i].path; };
  if (by_path_.empty()) {
    by_path_.resize(files_->size());
    std::iota(by_path_.begin(), by_path_.end(), std::size_t{0});
    std::ranges::sort(by_path_, {}, path_of);
  }
  const auto found = std::ranges::lower_bound(by_path_, path, {}, path_of);
  if (found == by_path_.end() || path_of(*found) != path) return nullptr;
  next_ = *found + 1;
  return &(*files_)[*found];
}

std::optional<EarlierLayer> find_earlier_layer(const store::LayerStore& store,
                                               const oci::DiffId& id) {
  const auto bytes = os::read_file(store.contents_path(id), kMaxSize);
  if (!bytes) return std::nullopt;
  auto contents = LayerContents::decode(*bytes);
  auto fs = store.open_fs(id);
  if (!contents || !fs) return std::nullopt;
  return EarlierLayer{id, *std::move(fs), *std::move(contents)};
}

}  // namespace kiln::snapshot
