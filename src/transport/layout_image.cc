// SPDX-License-Identifier: Apache-2.0
#include "transport/layout_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "oci/layout.h"
#include "oci/manifest_json.h"
#include "transport/verified.h"

namespace kiln::transport {
namespace {

using nlohmann::json;

constexpr std::size_t kMaxMarkSize = 4096;

std::string annotation(const oci::Descriptor& descriptor, const char* key) {
  const auto found = descriptor.annotations.find(key);
  return found == descriptor.annotations.end() ? std::string() : found->second;
}

/// Whether an entry is for what another has in the index: its name, or, where neither has one, its
/// image.
bool takes_place_of(const oci::Descriptor& entry, const oci::Descriptor& known) {
  const std::string name = annotation(entry, oci::kRefName);
  if (annotation(known, oci::kRefName) != name) return false;
  return name.empty() ? known.digest == entry.digest
                      : annotation(known, oci::kImageName) == annotation(entry, oci::kImageName);
}

Result<void> check_layout(const FileReader& files) {
  const std::string text = TRY(files.read("oci-layout", kMaxMarkSize));
  const json mark = TRY(parse_json(text, "oci-layout"));
  if (!mark.is_object()) return corrupt("oci-layout is not a JSON object");
  const std::string version = TRY(json_string(mark, "imageLayoutVersion"));
  if (!version.starts_with("1."))
    return unsupported("image layouts of version \"" + version + "\" are not supported");
  return {};
}

}  // namespace

Result<SourceManifest> LayoutSource::top(std::stop_token stop) {
  TRY(check_layout(*files_).context(name_));
  const std::string text = TRY(files_->read("index.json", oci::kMaxManifestSize).context(name_));
  const oci::Index index = TRY(oci::Index::parse(text).context(name_ + ": index.json"));
  if (index.manifests.empty()) return not_found(name_ + ": the layout has no image");
  if (tag_.empty()) {
    // One image under several names has an entry for each of them.
    const bool one = std::ranges::all_of(index.manifests, [&](const oci::Descriptor& entry) {
      return entry.digest == index.manifests.front().digest;
    });
    if (one) return instance(index.manifests.front(), stop);
    return invalid_input(name_ + ": the layout has several images").with_hint("name one: PATH:TAG");
  }
  if (const auto number = parse_uint(tag_.substr(1)); tag_.starts_with('@') && number) {
    if (*number < index.manifests.size()) return instance(index.manifests[*number], stop);
    return not_found(
        fmt::format("{}: the layout has {} images, counted from 0", name_, index.manifests.size()));
  }
  for (const auto& entry : index.manifests) {
    if (annotation(entry, oci::kRefName) == tag_ || annotation(entry, oci::kImageName) == tag_)
      return instance(entry, stop);
  }
  return not_found(name_ + ": the layout has no image called " + tag_);
}

Result<SourceManifest> LayoutSource::instance(const oci::Descriptor& descriptor, std::stop_token) {
  TRY(descriptor.check().context(name_));
  std::string content =
      TRY(files_->read(oci::blob_path(descriptor.digest), oci::kMaxManifestSize).context(name_));
  return verify_manifest(std::move(content), descriptor).context(name_);
}

Result<void> LayoutSource::write_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                                      std::stop_token) {
  const auto source = TRY(files_->open(oci::blob_path(blob.digest)).context(name_));
  return copy_verified(*source, blob, sink).context(name_);
}

/// The directories, before the first file; blobs may come from several threads.
Result<void> LayoutDestination::begin() {
  std::call_once(begun_, [&] {
    const auto make = [&]() -> Result<void> {
      TRY(files_->add_directory("blobs"));
      TRY(files_->add_directory("blobs/sha256"));
      return files_->add("oci-layout", oci::kLayoutMark);
    };
    auto made = make();
    if (!made.ok()) failure_ = std::move(made).error();
  });
  if (failure_) return Error(*failure_);
  return {};
}

Result<std::optional<std::string>> LayoutDestination::find_blob(const oci::Descriptor& blob,
                                                                std::stop_token) {
  TRY(begin());
  std::optional<std::string> out;
  const bool there = TRY(files_->has(oci::blob_path(blob.digest), blob.size));
  if (there) out = "Already exists";
  return out;
}

Result<void> LayoutDestination::put_blob(registry::BlobContent& content,
                                         const std::optional<oci::Descriptor>& expected,
                                         std::stop_token) {
  TRY(begin());
  return files_->add_blob(content, expected, oci::blob_path);
}

Result<void> LayoutDestination::put_manifest(const oci::Descriptor& descriptor,
                                             std::string_view content, Role role, std::stop_token) {
  TRY(begin());
  TRY(files_->add(oci::blob_path(descriptor.digest), content));
  if (role == Role::top) {
    top_ = descriptor;
    content_ = content;
  }
  return {};
}

std::vector<oci::Descriptor> LayoutDestination::entries() const {
  std::vector<oci::Descriptor> out;
  oci::Descriptor entry = top_;
  entry.annotations = options_.annotations;
  entry.platform = options_.platform;
  for (const auto& name : options_.names) {
    oci::Descriptor named = entry;
    named.annotations[oci::kImageName] = name.canonical();
    named.annotations[oci::kRefName] = name.tag().value_or("latest");
    out.push_back(std::move(named));
  }
  if (!out.empty()) return out;
  if (!options_.tag.empty()) entry.annotations[oci::kRefName] = options_.tag;
  return {entry};
}

/// The index that is there, of which other entries stay as they are, with those of this image.
Result<std::string> LayoutDestination::new_index() const {
  std::string text = oci::Index().to_json();
  if (existing_) {
    const bool there = TRY(existing_->has("index.json"));
    if (there) text = TRY(existing_->read("index.json", oci::kMaxManifestSize));
  }
  const oci::Index before = TRY(oci::Index::parse(text));
  std::vector<oci::Descriptor> known = before.manifests;
  json index = TRY(parse_json(text, "index.json"));
  json& list = index["manifests"];
  for (const auto& entry : entries()) {
    for (std::size_t i = known.size(); i-- > 0;) {
      if (!takes_place_of(entry, known[i])) continue;
      known.erase(known.begin() + static_cast<std::ptrdiff_t>(i));
      list.erase(i);
    }
    known.push_back(entry);
    list.push_back(oci::to_json(entry));
  }
  return dump_json(index);
}

Result<void> LayoutDestination::finish(std::stop_token) {
  const std::string index = TRY(new_index().context(name_));
  TRY(files_->add("index.json", index));
  if (options_.docker_archive) {
    const std::string manifest = TRY(docker_manifest());
    TRY(files_->add("manifest.json", manifest));
  }
  return files_->finish();
}

Result<std::string> LayoutDestination::docker_manifest() const {
  const oci::Manifest manifest = TRY(oci::Manifest::parse(content_));
  return oci::docker_archive_manifest({{manifest.config.digest, options_.names, manifest.layers}});
}

}  // namespace kiln::transport
