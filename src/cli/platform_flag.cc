// SPDX-License-Identifier: Apache-2.0
#include "cli/platform_flag.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "oci/reference.h"
#include "os/system.h"

namespace kiln::cli {

oci::Platform host_platform() { return {"linux", os::go_architecture(), {}}; }

Result<std::optional<oci::Platform>> parse_platform(const std::string& text) {
  if (text.empty()) return std::optional<oci::Platform>();
  oci::Platform platform = TRY(oci::Platform::parse(text, host_platform()));
  return std::optional(std::move(platform));
}

Result<oci::Platform> platform_or_host(const std::string& text) {
  auto platform = TRY(parse_platform(text));
  return std::move(platform).value_or(host_platform());
}

Result<std::vector<oci::Platform>> parse_platforms(const std::vector<std::string>& texts) {
  std::vector<oci::Platform> out;
  for (const auto& text : texts) {
    for (const std::string_view word : split(text, ',')) {
      oci::Platform platform = TRY(oci::Platform::parse(trim(word), host_platform()));
      if (std::ranges::find(out, platform) == out.end()) out.push_back(std::move(platform));
    }
  }
  return out;
}

Result<std::vector<oci::Platform>> build_platforms(const std::vector<std::string>& texts) {
  std::vector<std::string> words;
  const std::string usual = platform_or_default({});
  if (texts.empty() && usual.empty()) return std::vector<oci::Platform>();
  for (const auto& text : texts.empty() ? std::vector{usual} : texts) {
    for (const std::string_view word : split(text, ',')) {
      const bool local = equals_ignoring_case(trim(word), "local");
      words.push_back(local ? host_platform().str() : std::string(word));
    }
  }
  return parse_platforms(words);
}

std::string platform_or_default(const std::string& text) {
  return text.empty() ? os::environment("DOCKER_DEFAULT_PLATFORM").value_or("") : text;
}

void add_platform_part_flags(FlagSet& set, PlatformParts& parts) {
  set.option("--arch", parts.architecture, "the architecture of --platform")
      .option("--os", parts.os, "the operating system of --platform")
      .option("--variant", parts.variant, "the variant of --platform");
}

Result<std::string> platform_of(const PlatformParts& parts) {
  if (parts.os.empty() && parts.architecture.empty() && parts.variant.empty()) return std::string();
  if (parts.architecture.empty() && !parts.variant.empty())
    return invalid_input("--variant needs --arch");
  std::string out = parts.os.empty() ? "linux" : parts.os;
  if (!parts.architecture.empty()) out += "/" + parts.architecture;
  if (!parts.variant.empty()) out += "/" + parts.variant;
  return out;
}

Result<store::Image> get_image(store::Store& store, const std::string& text,
                               const std::optional<oci::Platform>& platform) {
  const store::Image image = TRY(store.images().get(text));
  if (!platform) return image;
  auto found = TRY(store.indexes().find_image(text, *platform));
  if (found) return *std::move(found);
  const oci::ImageConfig config = TRY(store.images().config(image));
  const auto reference = oci::Reference::parse(text);
  return not_found(
      fmt::format("image with reference {} was found but its platform ({}) does not match the "
                  "specified platform ({})",
                  reference ? reference->with_default_tag().familiar() : text,
                  config.platform.str(), platform->str()));
}

}  // namespace kiln::cli
