// SPDX-License-Identifier: Apache-2.0
#include "cli/store_images.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/strings.h"
#include "cli/registry_session.h"
#include "exporter/image_pull.h"
#include "exporter/oci_layout.h"
#include "oci/platform_match.h"
#include "oci/reference.h"

namespace kiln::cli {
namespace {

struct PolicyWord {
  std::string_view word;
  PullPolicy policy;
};

/// podman's words besides Go's booleans, which docker reads.
constexpr std::array kPolicyWords = {
    PolicyWord{"", PullPolicy::missing},      PolicyWord{"always", PullPolicy::always},
    PolicyWord{"never", PullPolicy::never},   PolicyWord{"missing", PullPolicy::missing},
    PolicyWord{"newer", PullPolicy::newer},   PolicyWord{"ifmissing", PullPolicy::missing},
    PolicyWord{"ifnewer", PullPolicy::newer}, PolicyWord{"notpresent", PullPolicy::missing},
};

/// Shorter ones are names: an image must not take the place of `FROM cafe`.
constexpr std::size_t kShortIdLength = 12;

bool has_name(const store::Image& image, const oci::Reference& name) {
  return std::ranges::find(image.names, name.with_default_tag().canonical()) != image.names.end();
}

}  // namespace

Result<PullPolicy> parse_pull_policy(std::string_view text) {
  if (const auto pull = parse_bool(text)) return *pull ? PullPolicy::always : PullPolicy::missing;
  for (const auto& each : kPolicyWords) {
    if (each.word == text) return each.policy;
  }
  return invalid_input("one of always, missing, never, newer, true, false");
}

StoreImages::~StoreImages() {
  if (has_borrowed_) (void)store_->delete_unused_layers().ok();
}

Result<frontend::BaseImage> StoreImages::resolve(const std::string& reference,
                                                 const oci::Platform& platform) {
  if (reference.starts_with(exporter::kLayoutScheme)) {
    exporter::LayoutImage image = TRY(exporter::load_layout(*store_, reference, platform, stop_));
    has_borrowed_ = has_borrowed_ || !image.new_layers.empty();
    return frontend::BaseImage{std::move(image.config)};
  }
  frontend::BaseImage out;
  out.config = TRY(find(reference, platform));
  return out;
}

Result<oci::ImageConfig> StoreImages::find(const std::string& reference,
                                           const oci::Platform& platform) {
  auto stored = TRY(store_->images().find(reference));
  if (stored && stored->index) {
    // Of an index, the wanted platform's image; without it, as if nothing were here.
    stored = TRY(store_->indexes().find_image(reference, platform));
  }
  const auto name = oci::Reference::parse(reference);
  if (stored && name && reference.size() < kShortIdLength && !has_name(*stored, *name))
    stored.reset();
  if (!name) {
    if (stored) return store_->images().config(*stored);  // an ID
    return Error(name.error());
  }
  bool wanted = !stored;
  if (stored) {
    // What has no name that a registry knows, or is pinned, can't become another.
    const bool fitting = TRY(fits(*stored, platform));
    const bool renew = policy_ == PullPolicy::always || policy_ == PullPolicy::newer;
    wanted = policy_ != PullPolicy::never && (!fitting || (renew && !name->digest()));
  }
  if (!wanted) return store_->images().config(*stored);
  if (policy_ == PullPolicy::never) {
    return not_found(reference + ": no such image in the store")
        .with_hint("kiln images lists what is there; kiln pull gets what is not");
  }
  auto image = look_up(name->with_default_tag(), platform);
  if (!image.ok()) {
    const bool cancelled = image.error().kind() == ErrorKind::cancelled;
    if (stored && policy_ == PullPolicy::newer && !cancelled)
      return store_->images().config(*stored);
    if (stored || cancelled) return image;
    const std::string hint = image.error().hint();
    return std::move(image)
        .error()
        .context(reference + ": no such image in the store, and it can't be pulled")
        .with_hint(hint.empty() ? "kiln images lists what is there" : hint);
  }
  return image;
}

/// Only of an image that came from a registry another platform's can be had there.
Result<bool> StoreImages::fits(const store::Image& image, const oci::Platform& platform) const {
  const oci::ImageConfig config = TRY(store_->images().config(image));
  if (config.platform.architecture.empty() || oci::platform_fits(config.platform, platform)) {
    return true;
  }
  const auto digests = TRY(store_->distribution().image_digests(image.id));
  return digests.empty();
}

Result<oci::ImageConfig> StoreImages::look_up(const oci::Reference& reference,
                                              const oci::Platform& platform) {
  const std::string key = reference.canonical() + " " + platform.str();
  if (const auto known = found_.find(key); known != found_.end()) return known->second;
  if (registries_ == nullptr) registries_ = TRY(open_registries(flags_));
  exporter::PullOptions options;
  options.platform = platform;
  options.stop = stop_;
  notice_("looking up " + reference.familiar());
  auto image = TRY(exporter::FoundImage::find(*store_, *registries_, reference, options));
  notice_(fmt::format("found {}@{}", reference.familiar_name(), image.digest().str()));
  oci::ImageConfig config = image.config();
  const bool here = TRY(image.has_all());
  if (here) {
    TRY(image.fetch(stop_));
    TRY(image.put());
  } else {
    pulls_.add(std::move(image), reference.familiar());
  }
  found_.emplace(key, config);
  return config;
}

}  // namespace kiln::cli
