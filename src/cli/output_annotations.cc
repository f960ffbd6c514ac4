// SPDX-License-Identifier: Apache-2.0
#include "cli/output_annotations.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/platform_flag.h"

namespace kiln::cli {
namespace {

/// `manifest[linux/amd64]` in its two parts.
struct Place {
  std::string_view type;
  std::string platform;  ///< normalised
};

Result<Place> parse_place(std::string_view text) {
  Place out{text, {}};
  const auto bracket = text.find('[');
  if (bracket == std::string_view::npos) return out;
  const std::string_view platform = text.substr(bracket + 1);
  if (!platform.ends_with(']') || platform.size() == 1) {
    return invalid_input(fmt::format(
        "invalid annotation type \"{}\", expected type and optional platform in square brackets",
        text));
  }
  out.type = text.substr(0, bracket);
  const std::string_view inside = platform.substr(0, platform.size() - 1);
  const oci::Platform parsed = TRY(oci::Platform::parse(inside, host_platform()));
  out.platform = parsed.str();
  return out;
}

Result<Annotations*> find_place(OutputAnnotations& out, std::string_view text) {
  const Place place = TRY(parse_place(text));
  if (place.type.empty() || place.type == "manifest") return &out.images[place.platform].manifest;
  if (place.type == "manifest-descriptor") return &out.images[place.platform].descriptor;
  // An index is for all platforms, whatever stands in the brackets.
  if (place.type == "index") return &out.index;
  if (place.type == "index-descriptor") return &out.index_descriptor;
  return invalid_input(fmt::format("unknown annotation type \"{}\"", place.type));
}

void lay_over(Annotations& out, const Annotations& more) {
  for (const auto& [key, value] : more) out[key] = value;
}

}  // namespace

OutputAnnotations::OfImage OutputAnnotations::of(const oci::Platform& platform) const {
  OfImage out;
  for (const std::string& key : {std::string(), platform.normalised().str()}) {
    const auto found = images.find(key);
    if (found == images.end()) continue;
    lay_over(out.manifest, found->second.manifest);
    lay_over(out.descriptor, found->second.descriptor);
  }
  return out;
}

Result<bool> set_annotation(OutputAnnotations& out, std::string_view key,
                            const std::string& value) {
  constexpr std::string_view kPrefix = "annotation";
  const auto dot = key.find('.');
  if (!key.starts_with(kPrefix) || dot == std::string_view::npos) return false;
  std::string_view place = key.substr(kPrefix.size(), dot - kPrefix.size());
  if (place.starts_with('-')) {
    place.remove_prefix(1);
  } else if (!place.empty() && !place.starts_with('[')) {
    return false;
  }
  Annotations* const annotations = TRY(find_place(out, place));
  (*annotations)[std::string(key.substr(dot + 1))] = value;
  return true;
}

Result<void> add_annotation(OutputAnnotations& out, std::string_view text) {
  const auto [key, value] = split_once(text, '=');
  if (!value)
    return invalid_input(fmt::format("invalid annotation \"{}\", expected key=value", text));
  const auto colon = key.find(':');
  if (colon == std::string_view::npos) {
    out.images[""].manifest[std::string(key)] = *value;
    return {};
  }
  for (const auto place : split(key.substr(0, colon), ',')) {
    Annotations* const annotations = TRY(find_place(out, place));
    (*annotations)[std::string(key.substr(colon + 1))] = *value;
  }
  return {};
}

Result<void> check_annotations(const OutputAnnotations& annotations,
                               const std::vector<oci::Platform>& platforms) {
  for (const auto& [platform, said] : annotations.images) {
    const auto is_it = [&](const oci::Platform& each) {
      return each.normalised().str() == platform;
    };
    // docker, too, minds it only where there is an index to look into.
    if (!platform.empty() && platforms.size() > 1 && std::ranges::none_of(platforms, is_it)) {
      return invalid_input(
          fmt::format("invalid annotation: no platform {} found in source", platform));
    }
  }
  if (platforms.size() == 1 && !(annotations.index.empty() && annotations.index_descriptor.empty()))
    return invalid_input("index annotations not supported for single platform export")
        .with_hint("there is an index where several platforms are asked for");
  return {};
}

}  // namespace kiln::cli
