// SPDX-License-Identifier: Apache-2.0
#include "lint/rules.h"

#include <iterator>

#include "base/check.h"

namespace kiln::lint {
namespace {

using enum Level;
using enum Scope;

constexpr RuleInfo kRules[] = {
    {Rule::stage_name_casing, "StageNameCasing", "Name stages in lower case", "stage-name-casing",
     warning, everywhere},
    {Rule::from_as_casing, "FromAsCasing", "Write AS in the case of FROM", "from-as-casing",
     warning, everywhere},
    {Rule::no_empty_continuation, "NoEmptyContinuation",
     "Leave no empty line inside a continued instruction: the language will refuse it one day",
     "no-empty-continuation", warning, everywhere},
    {Rule::consistent_instruction_casing, "ConsistentInstructionCasing",
     "Write all instructions in upper case, or all in lower case", "consistent-instruction-casing",
     warning, everywhere},
    {Rule::duplicate_stage_name, "DuplicateStageName", "Give each stage a name of its own",
     "duplicate-stage-name", warning, everywhere},
    {Rule::reserved_stage_name, "ReservedStageName",
     "Do not name a stage with a word that means something else after FROM or --from",
     "reserved-stage-name", warning, everywhere},
    {Rule::json_args_recommended, "JSONArgsRecommended",
     "Write CMD and ENTRYPOINT as a JSON array, so that the program itself gets signals",
     "json-args-recommended", warning, everywhere},
    {Rule::maintainer_deprecated, "MaintainerDeprecated",
     "Name the author in a label: MAINTAINER is deprecated", "maintainer-deprecated", warning,
     everywhere},
    {Rule::undefined_arg_in_from, "UndefinedArgInFrom",
     "Declare an ARG before the first FROM for each variable that a FROM uses",
     "undefined-arg-in-from", warning, everywhere},
    {Rule::workdir_relative_path, "WorkdirRelativePath",
     "Begin with an absolute WORKDIR: a relative one depends on the base image",
     "workdir-relative-path", warning, everywhere},
    {Rule::undefined_var, "UndefinedVar", "Define a variable before it is used", "undefined-var",
     warning, everywhere},
    {Rule::multiple_instructions_disallowed, "MultipleInstructionsDisallowed",
     "Write CMD, ENTRYPOINT and HEALTHCHECK once in a stage: only the last counts",
     "multiple-instructions-disallowed", warning, everywhere},
    {Rule::legacy_key_value_format, "LegacyKeyValueFormat",
     "Put = between key and value instead of a blank", "legacy-key-value-format", warning,
     everywhere},
    {Rule::invalid_base_image_platform, "InvalidBaseImagePlatform",
     "Use a base image of the platform that is built for", "invalid-base-image-platform", warning,
     everywhere},
    {Rule::redundant_target_platform, "RedundantTargetPlatform",
     "Leave out --platform=$TARGETPLATFORM: it is the default", "redundant-target-platform",
     warning, everywhere},
    {Rule::secrets_used_in_arg_or_env, "SecretsUsedInArgOrEnv",
     "Keep secrets out of ARG and ENV: both end up in the image or its history",
     "secrets-used-in-arg-or-env", warning, everywhere},
    {Rule::invalid_default_arg_in_from, "InvalidDefaultArgInFrom",
     "Give each ARG of a FROM a default that makes a valid image name",
     "invalid-default-arg-in-from", warning, everywhere},
    {Rule::from_platform_flag_const_disallowed, "FromPlatformFlagConstDisallowed",
     "Do not fix the platform in FROM --platform", "from-platform-flag-const-disallowed", warning,
     everywhere},
    {Rule::copy_ignored_file, "CopyIgnoredFile",
     "Do not copy what the ignore file leaves out of the context", "copy-ignored-file", warning,
     experimental},
    {Rule::invalid_definition_description, "InvalidDefinitionDescription",
     "Begin a comment right above a named stage or an ARG with its name, or separate the two by an "
     "empty comment",
     "invalid-definition-description", info, experimental},
    {Rule::expose_proto_casing, "ExposeProtoCasing", "Write the protocol of EXPOSE in lower case",
     "expose-proto-casing", warning, everywhere},
    {Rule::expose_invalid_format, "ExposeInvalidFormat",
     "Give EXPOSE the container's port alone: addresses and host ports belong to `run -p`",
     "expose-invalid-format", warning, everywhere},

    {Rule::context_before_install, "ContextBeforeInstall",
     "Install packages before the whole context is copied, so that an edit does not repeat it",
     "context-before-install", info, advice},
    {Rule::apt_update_with_install, "AptUpdateWithInstall",
     "Run apt-get update and install in one RUN, so that the lists are never stale",
     "apt-update-with-install", warning, advice},
    {Rule::apt_lists_left, "AptListsLeft",
     "Keep apt's package lists out of the layer: remove them in the same RUN, or mount a cache",
     "apt-lists-left", info, advice},
    {Rule::add_instead_of_copy, "AddInsteadOfCopy",
     "Use COPY for what is neither unpacked nor fetched", "add-instead-of-copy", info, advice},
    {Rule::recursive_mode_change, "RecursiveModeChange",
     "Set owner and mode where files are copied: chown -R and chmod -R store them a second time",
     "recursive-mode-change", info, advice},
    {Rule::download_without_pipefail, "DownloadWithoutPipefail",
     "Make a download that fails fail its RUN: set pipefail before a pipe",
     "download-without-pipefail", warning, advice},
    {Rule::secret_in_run, "SecretInRun",
     "Keep secrets out of commands: they are in the image's history for good", "secret-in-run",
     warning, advice},
    {Rule::cache_mount_missing, "CacheMountMissing",
     "Mount a cache for a package manager, so that a repeated RUN does not download all again",
     "cache-mount-missing", info, advice},
    {Rule::runs_as_root, "RunsAsRoot", "End with a USER that is not root", "runs-as-root", info,
     advice},
    {Rule::unpinned_base_image, "UnpinnedBaseImage",
     "Name a tag or a digest of the base image: latest changes", "unpinned-base-image", info,
     advice},
    {Rule::useless_cd, "UselessCd", "Use WORKDIR: a cd ends with its RUN", "useless-cd", warning,
     advice},
    {Rule::write_after_volume, "WriteAfterVolume",
     "Write to a volume's directory before VOLUME: some builders drop what comes after it",
     "write-after-volume", info, advice},
    {Rule::keyword_spacing, "KeywordSpacing",
     "Put one blank after an instruction's keyword, and none at the end of its lines",
     "keyword-spacing", info, advice},
};

}  // namespace

std::span<const RuleInfo> all_rules() { return kRules; }

const RuleInfo& rule_info(Rule rule) {
  const RuleInfo& found = kRules[static_cast<std::size_t>(rule)];
  CHECK(found.rule == rule);
  return found;
}

std::optional<Rule> find_rule(std::string_view name) {
  for (const RuleInfo& rule : kRules) {
    if (rule.name == name) return rule.rule;
  }
  return std::nullopt;
}

std::string documentation(Rule rule) {
  return "docs/lint-rules.md#" + std::string(rule_info(rule).anchor);
}

}  // namespace kiln::lint
