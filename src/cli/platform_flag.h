// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/flags.h"
#include "oci/platform.h"
#include "store/store.h"

namespace kiln::cli {

oci::Platform host_platform();
/// A value of `--platform`; nullopt for an empty one.
Result<std::optional<oci::Platform>> parse_platform(const std::string& text);
/// This machine's for an empty one.
Result<oci::Platform> platform_or_host(const std::string& text);
/// `a,b`, given several times; each once, in their order.
Result<std::vector<oci::Platform>> parse_platforms(const std::vector<std::string>& texts);
/// The same of a build, without any what DOCKER_DEFAULT_PLATFORM says; `local` is this machine's.
Result<std::vector<oci::Platform>> build_platforms(const std::vector<std::string>& texts);
/// A flag's value, else DOCKER_DEFAULT_PLATFORM, else empty.
std::string platform_or_default(const std::string& text);

/// podman's way to name a platform.
struct PlatformParts {
  std::string os, architecture, variant;
};
/// --os, --arch and --variant.
void add_platform_part_flags(FlagSet& set, PlatformParts& parts);
/// As a value of `--platform`; empty without any.
Result<std::string> platform_of(const PlatformParts& parts);

/// What `text` names; with a platform, that platform's image of it. Kind not_found in docker's
/// words.
Result<store::Image> get_image(store::Store& store, const std::string& text,
                               const std::optional<oci::Platform>& platform);

}  // namespace kiln::cli
