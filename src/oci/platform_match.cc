// SPDX-License-Identifier: Apache-2.0
#include "oci/platform_match.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "base/strings.h"

namespace kiln::oci {
namespace {

/// The number of a variant `v7`.
std::optional<unsigned> variant_number(std::string_view variant) {
  if (!variant.starts_with('v')) return std::nullopt;
  const auto number = parse_uint(variant.substr(1));
  if (!number || *number > 99) return std::nullopt;
  return static_cast<unsigned>(*number);
}

void add_arm(std::vector<Platform>& out, const std::string& os, const std::string& variant) {
  constexpr unsigned kLowest = 5;
  out.push_back({os, "arm", variant});
  for (unsigned v = variant_number(variant).value_or(0); v > kLowest; --v)
    out.push_back({os, "arm", fmt::format("v{}", v - 1)});
}

/// ARMv9.N has what ARMv8.(N+5) has; the last minor version of 8 is 9.
void add_arm64(std::vector<Platform>& out, const Platform& wanted) {
  const std::string variant = wanted.variant.empty() ? "v8" : wanted.variant;
  const auto [name, minor_text] = split_once(std::string_view(variant), '.');
  const auto major = variant_number(name);
  const auto minor = minor_text ? parse_uint(*minor_text) : std::optional<std::uint64_t>(0);
  if (!major || (*major != 8 && *major != 9) || !minor || *minor > 9) {
    out.push_back(wanted);
    return;
  }
  const auto add = [&](unsigned version, std::uint64_t from) {
    for (std::uint64_t m = from + 1; m-- > 0;) {
      const Platform each{wanted.os, "arm64", fmt::format("v{}.{}", version, m)};
      out.push_back(each.normalised());
    }
  };
  add(*major, *minor);
  if (*major == 9) add(8, std::min<std::uint64_t>(*minor + 5, 9));
  add_arm(out, wanted.os, "v8");
}

/// What runs where `wanted` does, the best first.
std::vector<Platform> platforms_that_run(const Platform& wanted) {
  std::vector<Platform> out;
  if (wanted.architecture == "arm64") {
    add_arm64(out, wanted);
  } else if (wanted.architecture == "arm") {
    add_arm(out, wanted.os, wanted.variant);
  } else {
    out.push_back(wanted);
  }
  if (wanted.architecture == "amd64") {
    for (unsigned v = variant_number(wanted.variant).value_or(1); v > 1; --v) {
      const Platform lower{wanted.os, "amd64", fmt::format("v{}", v - 1)};
      out.push_back(lower.normalised());
    }
    out.push_back({wanted.os, "386", {}});
  }
  return out;
}

}  // namespace

std::optional<unsigned> platform_rank(const Platform& offered, const Platform& wanted) {
  const auto order = platforms_that_run(wanted.normalised());
  const auto found = std::ranges::find(order, offered.normalised());
  if (found == order.end()) return std::nullopt;
  return static_cast<unsigned>(found - order.begin());
}

bool is_foreign(const Platform& platform, const Platform& host) {
  if (platform.architecture.empty() || platform.architecture == host.architecture) return false;
  return !platform_fits(platform, host);
}

bool platform_fits(const Platform& offered, const Platform& wanted) {
  return platform_rank(offered, wanted).has_value();
}

std::optional<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                          const Platform& wanted) {
  const Descriptor* best = nullptr;
  unsigned best_rank = std::numeric_limits<unsigned>::max();
  for (const auto& manifest : manifests) {
    if (!manifest.platform || is_attestation(manifest)) continue;
    const auto rank = platform_rank(*manifest.platform, wanted);
    if (rank && *rank < best_rank) {
      best = &manifest;
      best_rank = *rank;
    }
  }
  return best == nullptr ? std::nullopt : std::optional(*best);
}

bool is_attestation(const Descriptor& manifest) {
  const auto kind = manifest.annotations.find("vnd.docker.reference.type");
  return kind != manifest.annotations.end() && kind->second == "attestation-manifest";
}

}  // namespace kiln::oci
