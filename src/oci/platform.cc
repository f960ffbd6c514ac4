// SPDX-License-Identifier: Apache-2.0
#include "oci/platform.h"

#include <algorithm>
#include <array>

#include "base/strings.h"

namespace kiln::oci {
namespace {

constexpr std::array kSystems = {"linux",   "windows", "darwin", "freebsd", "netbsd",
                                 "openbsd", "solaris", "plan9",  "wasip1",  "js"};
constexpr std::array kArchitectures = {
    "386",     "amd64",  "amd64p32", "arm",      "armbe",   "arm64", "arm64be", "loong64",
    "mips",    "mipsle", "mips64",   "mips64le", "ppc",     "ppc64", "ppc64le", "riscv",
    "riscv64", "s390",   "s390x",    "sparc",    "sparc64", "wasm"};

bool is_system(std::string_view name) {
  return std::ranges::find(kSystems, name) != kSystems.end();
}
bool is_architecture(std::string_view name) {
  return std::ranges::find(kArchitectures, name) != kArchitectures.end();
}

bool is_well_formed(std::string_view part) {
  return !part.empty() && part.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_.-") ==
                              std::string_view::npos;
}

void normalise_architecture(Platform& p) {
  if (p.architecture == "i386") p.architecture = "386", p.variant.clear();
  if (p.architecture == "x86_64" || p.architecture == "x86-64") p.architecture = "amd64";
  if (p.architecture == "amd64" && p.variant == "v1") p.variant.clear();
  if (p.architecture == "aarch64") p.architecture = "arm64";
  if (p.architecture == "arm64") {
    if (p.variant == "8" || p.variant == "v8" || p.variant == "v8.0") p.variant.clear();
    if (p.variant == "9" || p.variant == "9.0" || p.variant == "v9.0") p.variant = "v9";
  }
  if (p.architecture == "armhf") p.architecture = "arm", p.variant = "v7";
  if (p.architecture == "armel") p.architecture = "arm", p.variant = "v6";
  if (p.architecture == "arm") {
    if (p.variant.empty() || p.variant == "7") p.variant = "v7";
    if (p.variant == "5" || p.variant == "6" || p.variant == "8") p.variant.insert(0, "v");
  }
}

}  // namespace

Result<Platform> Platform::parse(std::string_view text, const Platform& host) {
  const std::string lower = to_lower(text);
  const auto parts = split(lower, '/');
  Platform out;
  bool known = parts.size() <= 3 && std::ranges::all_of(parts, is_well_formed);
  if (parts.size() == 1 && is_system(parts[0])) {
    out = {std::string(parts[0]), host.architecture, host.variant};
  } else if (parts.size() == 1) {
    out = {"linux", std::string(parts[0]), {}};
    known = known && is_architecture(out.normalised().architecture);
  } else {
    out = {std::string(parts[0]), std::string(parts[1]),
           parts.size() == 3 ? std::string(parts[2]) : std::string()};
  }
  if (!known)
    return invalid_input("unknown platform \"" + std::string(text) +
                         "\": expected os/architecture[/variant], such as linux/arm64");
  return out.normalised();
}

Platform Platform::normalised() const {
  Platform out{to_lower(os), to_lower(architecture), to_lower(variant)};
  if (out.os == "macos") out.os = "darwin";
  normalise_architecture(out);
  return out;
}

std::string Platform::str() const {
  std::string out = os + "/" + architecture;
  if (!variant.empty()) out += "/" + variant;
  return out;
}

}  // namespace kiln::oci
