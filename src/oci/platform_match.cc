// SPDX-License-Identifier: Apache-2.0
#include "oci/platform_match.h"

#include "base/strings.h"

namespace kiln::oci {
namespace {

/// The number of a variant `v7`; what is absent or no such word counts as the usual one.
unsigned variant_number(const Platform& platform) {
  if (platform.variant.starts_with('v')) {
    if (const auto number = parse_uint(platform.variant.substr(1)); number && *number < 100) {
      return static_cast<unsigned>(*number);
    }
  }
  if (platform.architecture == "arm64") return 8;
  if (platform.architecture == "arm") return 7;
  return 1;
}

}  // namespace

bool platform_fits(const Platform& offered, const Platform& wanted) {
  return offered.os == wanted.os && offered.architecture == wanted.architecture &&
         variant_number(offered) <= variant_number(wanted);
}

std::optional<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                          const Platform& wanted) {
  const Descriptor* best = nullptr;
  for (const auto& manifest : manifests) {
    if (!manifest.platform || !platform_fits(*manifest.platform, wanted)) continue;
    if (best == nullptr || variant_number(*manifest.platform) > variant_number(*best->platform)) {
      best = &manifest;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

}  // namespace kiln::oci
