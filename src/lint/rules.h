// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace kiln::lint {

/// BuildKit's rules, under its names, then kiln's own. The order is that of docs/lint-rules.md.
enum class Rule : unsigned char {
  stage_name_casing,
  from_as_casing,
  no_empty_continuation,
  consistent_instruction_casing,
  duplicate_stage_name,
  reserved_stage_name,
  json_args_recommended,
  maintainer_deprecated,
  undefined_arg_in_from,
  workdir_relative_path,
  undefined_var,
  multiple_instructions_disallowed,
  legacy_key_value_format,
  invalid_base_image_platform,
  redundant_target_platform,
  secrets_used_in_arg_or_env,
  invalid_default_arg_in_from,
  from_platform_flag_const_disallowed,
  copy_ignored_file,
  invalid_definition_description,
  expose_proto_casing,
  expose_invalid_format,
  // kiln's own.
  context_before_install,
  apt_update_with_install,
  apt_lists_left,
  add_instead_of_copy,
  recursive_mode_change,
  download_without_pipefail,
  secret_in_run,
  cache_mount_missing,
  runs_as_root,
  unpinned_base_image,
  useless_cd,
  write_after_volume,
  keyword_spacing,
};

enum class Level { warning, info };

/// Where a rule holds without being asked for.
enum class Scope {
  everywhere,    ///< in builds, in `build --check` and in `lint`
  experimental,  ///< of BuildKit: in `lint`; elsewhere by `experimental=NAME` or `=all`
  advice,        ///< kiln's own: in `lint`; elsewhere by `experimental=NAME`
};

struct RuleInfo {
  Rule rule;
  std::string_view name;
  /// What the rule asks for, in one sentence without a full stop.
  std::string_view description;
  /// Of its section in docs/lint-rules.md.
  std::string_view anchor;
  Level level;
  Scope scope;
};

std::span<const RuleInfo> all_rules();
const RuleInfo& rule_info(Rule rule);
std::optional<Rule> find_rule(std::string_view name);
/// `docs/lint-rules.md#anchor`.
std::string documentation(Rule rule);

}  // namespace kiln::lint
