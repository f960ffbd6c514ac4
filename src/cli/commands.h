// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/session.h"

/// The commands, one function each; main.cc has the table of their names.
namespace kiln::cli {

Result<int> build_command(const Session& session, std::vector<std::string> words);
Result<int> du_command(const Session& session, std::vector<std::string> words);
Result<int> system_df_command(const Session& session, std::vector<std::string> words);
Result<int> builder_prune_command(const Session& session, std::vector<std::string> words);
Result<int> image_prune_command(const Session& session, std::vector<std::string> words);
Result<int> system_prune_command(const Session& session, std::vector<std::string> words);
Result<int> system_gc_command(const Session& session, std::vector<std::string> words);
Result<int> system_check_command(const Session& session, std::vector<std::string> words);
Result<int> list_builds_command(const Session& session, std::vector<std::string> words);
Result<int> inspect_build_command(const Session& session, std::vector<std::string> words);
Result<int> build_logs_command(const Session& session, std::vector<std::string> words);
Result<int> remove_builds_command(const Session& session, std::vector<std::string> words);
Result<int> list_cache_mounts_command(const Session& session, std::vector<std::string> words);
Result<int> remove_cache_mounts_command(const Session& session, std::vector<std::string> words);
Result<int> export_cache_mounts_command(const Session& session, std::vector<std::string> words);
Result<int> import_cache_mounts_command(const Session& session, std::vector<std::string> words);
Result<int> version_command(const Session& session, std::vector<std::string> words);
Result<int> run_command(const Session& session, std::vector<std::string> words);
Result<int> lint_command(const Session& session, std::vector<std::string> words);
Result<int> images_command(const Session& session, std::vector<std::string> words);
Result<int> history_command(const Session& session, std::vector<std::string> words);
Result<int> inspect_command(const Session& session, std::vector<std::string> words);
Result<int> tag_command(const Session& session, std::vector<std::string> words);
Result<int> rmi_command(const Session& session, std::vector<std::string> words);
Result<int> import_command(const Session& session, std::vector<std::string> words);
Result<int> save_command(const Session& session, std::vector<std::string> words);
Result<int> load_command(const Session& session, std::vector<std::string> words);

Result<int> pull_command(const Session& session, std::vector<std::string> words);
Result<int> push_command(const Session& session, std::vector<std::string> words);
Result<int> copy_command(const Session& session, std::vector<std::string> words);
Result<int> login_command(const Session& session, std::vector<std::string> words);
Result<int> search_command(const Session& session, std::vector<std::string> words);
Result<int> create_manifest_command(const Session& session, std::vector<std::string> words);
Result<int> annotate_manifest_command(const Session& session, std::vector<std::string> words);
Result<int> inspect_manifest_command(const Session& session, std::vector<std::string> words);
Result<int> push_manifest_command(const Session& session, std::vector<std::string> words);
Result<int> remove_manifest_command(const Session& session, std::vector<std::string> words);
Result<int> create_imagetools_command(const Session& session, std::vector<std::string> words);
Result<int> inspect_imagetools_command(const Session& session, std::vector<std::string> words);
Result<int> logout_command(const Session& session, std::vector<std::string> words);

}  // namespace kiln::cli
