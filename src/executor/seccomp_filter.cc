// SPDX-License-Identifier: Apache-2.0
#include "executor/seccomp_filter.h"

#include <fmt/format.h>
#include <seccomp.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "base/json.h"
#include "base/sha256.h"
#include "os/fd.h"

namespace kiln::executor {
namespace {

using nlohmann::json;

using Filter = std::unique_ptr<void, decltype(&::seccomp_release)>;

constexpr std::uint32_t kBinaryTree = 2;
constexpr std::size_t kMostBytes = std::size_t{32} << 10;  // BPF_MAXINSNS of 8 bytes

Result<std::uint32_t> action_of(const json& object, const char* action_key, const char* errno_key) {
  const std::string name = TRY(json_string(object, action_key));
  std::int64_t number = EPERM;
  if (object.contains(errno_key)) number = TRY(json_int(object, errno_key));
  if (number < 0 || number > 0xFFFF) return corrupt("seccomp profile: bad errno");
  const auto value = static_cast<std::uint32_t>(number);
  if (name == "SCMP_ACT_ALLOW") return SCMP_ACT_ALLOW;
  if (name == "SCMP_ACT_ERRNO") return SCMP_ACT_ERRNO(value);
  if (name == "SCMP_ACT_TRACE") return SCMP_ACT_TRACE(value);
  if (name == "SCMP_ACT_KILL" || name == "SCMP_ACT_KILL_THREAD") return SCMP_ACT_KILL_THREAD;
  if (name == "SCMP_ACT_KILL_PROCESS") return SCMP_ACT_KILL_PROCESS;
  if (name == "SCMP_ACT_TRAP") return SCMP_ACT_TRAP;
  if (name == "SCMP_ACT_LOG") return SCMP_ACT_LOG;
  return unsupported("seccomp profile: action " + name);
}

Result<scmp_compare> operator_of(const json& argument) {
  constexpr std::array<std::pair<std::string_view, scmp_compare>, 7> kOperators = {{
      {"SCMP_CMP_NE", SCMP_CMP_NE},
      {"SCMP_CMP_LT", SCMP_CMP_LT},
      {"SCMP_CMP_LE", SCMP_CMP_LE},
      {"SCMP_CMP_EQ", SCMP_CMP_EQ},
      {"SCMP_CMP_GE", SCMP_CMP_GE},
      {"SCMP_CMP_GT", SCMP_CMP_GT},
      {"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
  }};
  const std::string name = TRY(json_string(argument, "op"));
  for (const auto& [known, op] : kOperators)
    if (name == known) return op;
  return unsupported("seccomp profile: operator " + name);
}

Result<std::uint64_t> number(const json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end()) return std::uint64_t{0};
  if (!found->is_number_unsigned() && !found->is_number_integer())
    return corrupt(fmt::format("seccomp profile: {} is not a number", key));
  return found->get<std::uint64_t>();
}

Result<std::vector<scmp_arg_cmp>> conditions_of(const json& rule) {
  std::vector<scmp_arg_cmp> conditions;
  const json arguments = TRY(json_array(rule, "args"));
  for (const json& argument : arguments) {
    if (!argument.is_object()) return corrupt("seccomp profile: an argument is not an object");
    scmp_arg_cmp condition{};
    const std::uint64_t index = TRY(number(argument, "index"));
    if (index > 5) return corrupt("seccomp profile: an argument's index is above 5");
    condition.arg = static_cast<unsigned>(index);
    condition.op = TRY(operator_of(argument));
    condition.datum_a = TRY(number(argument, "value"));
    condition.datum_b = TRY(number(argument, "valueTwo"));
    conditions.push_back(condition);
  }
  return conditions;
}

/// Two conditions on one argument can't be in one libseccomp rule; runtimes read such an entry as
/// alternatives.
bool has_repeated_argument(const std::vector<scmp_arg_cmp>& conditions) {
  unsigned seen = 0;
  for (const scmp_arg_cmp& condition : conditions) {
    if ((seen & (1U << condition.arg)) != 0) return true;
    seen |= 1U << condition.arg;
  }
  return false;
}

Result<void> add_rule(const Filter& filter, std::uint32_t default_action, const json& rule) {
  const std::uint32_t action = TRY(action_of(rule, "action", "errnoRet"));
  if (action == default_action) return {};
  const auto conditions = TRY(conditions_of(rule));
  const auto names = TRY(json_strings(rule, "names"));
  if (!names) return {};
  for (const std::string& name : *names) {
    const int syscall = ::seccomp_syscall_resolve_name(name.c_str());
    if (syscall == __NR_SCMP_ERROR) continue;
    int failed = 0;
    if (has_repeated_argument(conditions)) {
      for (const scmp_arg_cmp& condition : conditions)
        if (failed == 0)
          failed = ::seccomp_rule_add_array(filter.get(), action, syscall, 1, &condition);
    } else {
      failed =
          ::seccomp_rule_add_array(filter.get(), action, syscall,
                                   static_cast<unsigned>(conditions.size()), conditions.data());
    }
    if (failed != 0) return os::system_error(-failed, "compile seccomp rule for", name);
  }
  return {};
}

Result<void> add_architectures(const Filter& filter, const json& profile) {
  const auto names = TRY(json_strings(profile, "architectures"));
  if (!names) return {};
  for (std::string name : *names) {
    constexpr std::string_view kPrefix = "SCMP_ARCH_";
    if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
    for (char& c : name)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    const std::uint32_t token = ::seccomp_arch_resolve_name(name.c_str());
    if (token == 0) return unsupported("seccomp profile: architecture " + name);
    const int failed = ::seccomp_arch_add(filter.get(), token);
    if (failed != 0 && failed != -EEXIST)
      return os::system_error(-failed, "compile seccomp profile for", name);
  }
  return {};
}

}  // namespace

Result<std::string> compile_seccomp(std::string_view seccomp) {
  const json profile = TRY(parse_json(seccomp, "seccomp profile"));
  const std::uint32_t default_action = TRY(action_of(profile, "defaultAction", "defaultErrnoRet"));
  const Filter filter(::seccomp_init(default_action), &::seccomp_release);
  if (!filter) return unsupported("seccomp profile: the default action can't be compiled");
  TRY(add_architectures(filter, profile));
  // A tree instead of a list of comparisons. The kernel tries a new filter on every system call.
  if (const int failed = ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_OPTIMIZE, kBinaryTree);
      failed != 0)
    return os::system_error(-failed, "compile the seccomp profile");
  const json rules = TRY(json_array(profile, "syscalls"));
  for (const json& rule : rules) TRY(add_rule(filter, default_action, rule));

  // libseccomp writes to a descriptor only. A pipe holds twice what a filter can be.
  os::Pipe pipe = TRY(os::create_pipe());
  const int failed = ::seccomp_export_bpf(filter.get(), pipe.write_end.get());
  if (failed != 0) return os::system_error(-failed, "compile the seccomp profile");
  pipe.write_end.reset();
  return os::read_all(pipe.read_end, "seccomp filter", kMostBytes);
}

Result<std::string> cached_seccomp_filter(std::string_view seccomp, const std::string& folder) {
  const scmp_version* version = ::seccomp_version();
  const std::string key =
      fmt::format("tree {}.{}.{} {}", version->major, version->minor, version->micro, seccomp);
  const std::string path = folder + "/seccomp-" + to_hex(sha256(key));
  constexpr std::size_t kHexDigits = 64;
  if (auto kept = os::read_file(path, kHexDigits + kMostBytes); kept && kept->size() > kHexDigits) {
    std::string filter = kept->substr(kHexDigits);
    if (kept->starts_with(to_hex(sha256(filter)))) return filter;
  }
  std::string filter = TRY(compile_seccomp(seccomp));
  (void)os::write_file_atomically(path, to_hex(sha256(filter)) + filter, 0600);
  return filter;
}

}  // namespace kiln::executor
