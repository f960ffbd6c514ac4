// SPDX-License-Identifier: Apache-2.0
#include "executor/seccomp.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/json.h"
#include "base/strings.h"

namespace kiln::executor {
namespace {

using nlohmann::json;

/// Go's name of an architecture and libseccomp's.
constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kArchitectures = {{
    {"amd64", "SCMP_ARCH_X86_64"},
    {"386", "SCMP_ARCH_X86"},
    {"arm64", "SCMP_ARCH_AARCH64"},
    {"arm", "SCMP_ARCH_ARM"},
    {"riscv64", "SCMP_ARCH_RISCV64"},
    {"ppc64le", "SCMP_ARCH_PPC64LE"},
    {"s390x", "SCMP_ARCH_S390X"},
    {"mips64le", "SCMP_ARCH_MIPSEL64"},
}};

/// The names that containers-common writes beside, or in place of, the numbers.
constexpr std::array<std::pair<std::string_view, int>, 6> kErrnoNames = {{
    {"EPERM", 1},
    {"ENOENT", 2},
    {"EACCES", 13},
    {"EINVAL", 22},
    {"ENOSYS", 38},
    {"EAFNOSUPPORT", 97},
}};

bool contains(const std::vector<std::string>& list, const std::string& wanted) {
  return std::find(list.begin(), list.end(), wanted) != list.end();
}

Result<std::vector<std::string>> strings(const json& object, const char* key) {
  auto list = TRY(json_strings(object, key));
  return std::move(list).value_or(std::vector<std::string>());
}

/// The errno of a refusal: `number_key` holds it as a number, or `name_key` as a name.
Result<std::optional<std::int64_t>> errno_of(const json& object, const char* number_key,
                                             const char* name_key) {
  if (object.contains(number_key) && !object[number_key].is_null()) {
    const std::int64_t number = TRY(json_int(object, number_key));
    return std::optional<std::int64_t>(number);
  }
  const std::string name = TRY(json_string(object, name_key));
  if (name.empty()) return std::optional<std::int64_t>();
  for (const auto& [known, number] : kErrnoNames)
    if (name == known) return std::optional<std::int64_t>(number);
  return corrupt("seccomp profile: unknown errno " + name);
}

/// `minKernel`: "4.8".
Result<bool> kernel_is_at_least(const std::string& version, const SeccompTarget& target) {
  const auto [major_text, minor_text] = split_once(version, '.');
  const auto major = parse_uint(major_text);
  const auto minor = parse_uint(minor_text.value_or("0"));
  if (!major || !minor) return corrupt("seccomp profile: bad kernel version " + version);
  return std::pair(std::uint64_t{target.kernel_major}, std::uint64_t{target.kernel_minor}) >=
         std::pair(*major, *minor);
}

/// Includes: all that is named must hold. Excludes: none of it may.
Result<bool> applies(const json& rule, const SeccompTarget& target) {
  const json includes = TRY(json_object(rule, "includes"));
  const auto wanted_architectures = TRY(strings(includes, "arches"));
  if (!wanted_architectures.empty() && !contains(wanted_architectures, target.architecture))
    return false;
  const auto wanted_capabilities = TRY(strings(includes, "caps"));
  for (const std::string& capability : wanted_capabilities)
    if (!contains(target.capabilities, capability)) return false;
  const std::string least_kernel = TRY(json_string(includes, "minKernel"));
  if (!least_kernel.empty()) {
    const bool new_enough = TRY(kernel_is_at_least(least_kernel, target));
    if (!new_enough) return false;
  }

  const json excludes = TRY(json_object(rule, "excludes"));
  const auto unwanted_architectures = TRY(strings(excludes, "arches"));
  if (contains(unwanted_architectures, target.architecture)) return false;
  const auto unwanted_capabilities = TRY(strings(excludes, "caps"));
  for (const std::string& capability : unwanted_capabilities)
    if (contains(target.capabilities, capability)) return false;
  const std::string excluded_kernel = TRY(json_string(excludes, "minKernel"));
  if (!excluded_kernel.empty()) {
    const bool too_new = TRY(kernel_is_at_least(excluded_kernel, target));
    if (too_new) return false;
  }
  return true;
}

/// Our architecture and the narrower ones that its kernel runs too; empty: the runtime's own only.
Result<json> architectures(const json& profile, const SeccompTarget& target) {
  json out = json::array();
  const json map = TRY(json_array(profile, "archMap"));
  for (const auto& [name, ours] : kArchitectures) {
    if (name != target.architecture) continue;
    for (const json& entry : map) {
      const std::string architecture = TRY(json_string(entry, "architecture"));
      if (architecture != ours) continue;
      out.push_back(architecture);
      auto narrower = TRY(strings(entry, "subArchitectures"));
      for (std::string& sub : narrower) out.push_back(std::move(sub));
    }
  }
  if (!out.empty()) return out;
  return json_array(profile, "architectures");
}

Result<json> resolve_rule(const json& rule) {
  json out;
  auto names = TRY(strings(rule, "names"));
  std::string name = TRY(json_string(rule, "name"));  // the form before Docker 1.12
  if (!name.empty()) names.push_back(std::move(name));
  if (names.empty()) return corrupt("seccomp profile: a rule without names");
  out["names"] = std::move(names);
  std::string action = TRY(json_string(rule, "action"));
  if (action.empty()) return corrupt("seccomp profile: a rule without an action");
  out["action"] = std::move(action);
  const auto error_number = TRY(errno_of(rule, "errnoRet", "errno"));
  if (error_number) out["errnoRet"] = *error_number;
  json arguments = TRY(json_array(rule, "args"));
  if (!arguments.empty()) out["args"] = std::move(arguments);
  return out;
}

}  // namespace

Result<std::string> resolve_seccomp(std::string_view profile, const SeccompTarget& target) {
  const json parsed = TRY(parse_json(profile, "seccomp profile"));
  if (!parsed.is_object()) return corrupt("seccomp profile: not a JSON object");
  json out;
  std::string default_action = TRY(json_string(parsed, "defaultAction"));
  if (default_action.empty()) return corrupt("seccomp profile: no defaultAction");
  out["defaultAction"] = std::move(default_action);
  const auto default_errno = TRY(errno_of(parsed, "defaultErrnoRet", "defaultErrno"));
  if (default_errno) out["defaultErrnoRet"] = *default_errno;
  json known = TRY(architectures(parsed, target));
  if (!known.empty()) out["architectures"] = std::move(known);
  json rules = json::array();
  const json entries = TRY(json_array(parsed, "syscalls"));
  for (const json& rule : entries) {
    if (!rule.is_object()) return corrupt("seccomp profile: a rule is not an object");
    const bool wanted = TRY(applies(rule, target));
    if (!wanted) continue;
    json resolved = TRY(resolve_rule(rule));
    rules.push_back(std::move(resolved));
  }
  out["syscalls"] = std::move(rules);
  return dump_json(out);
}

}  // namespace kiln::executor
