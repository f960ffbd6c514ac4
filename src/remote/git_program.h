// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace kiln::remote {

/// Whose keys git over ssh uses.
struct SshAccess {
  std::string agent_socket = {};            ///< empty: SSH_AUTH_SOCK's
  std::vector<std::string> key_files = {};  ///< if there are any, these alone
};

/// How git is run: without the user's, the machine's or a repository's settings, hooks or prompts,
/// and with the protocols it may use.
struct GitSettings {
  std::string scratch_path;     ///< for its output
  std::string known_hosts;      ///< where ssh keeps the keys of hosts it meets for the first time
  bool may_read_files = false;  ///< the file protocol
  /// More configuration, through the environment, where other users can't read it: credentials.
  std::vector<std::pair<std::string, std::string>> config = {};
  SshAccess ssh = {};
  std::stop_token stop = {};
};

/// Runs `git ARGUMENTS` in `cwd` with umask 022 and returns what it wrote. Kind unsupported if
/// there is no git, cancelled when asked to stop; a git that fails is of kind invalid_input, with
/// what it said, credentials taken out.
Result<std::string> run_git(const GitSettings& settings, std::vector<std::string> arguments,
                            const std::string& cwd);

}  // namespace kiln::remote
