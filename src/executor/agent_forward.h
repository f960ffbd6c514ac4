// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"

namespace kiln::executor {

/// A socket through which a container reaches an SSH agent, as long as this is. Of what an agent
/// can do it passes on two things: naming its keys, and signing with them. Adding, removing and
/// locking keys is refused.
class AgentForward {
 public:
  virtual ~AgentForward() = default;
  /// Listens at `name` in `folder` for the agent at `agent_socket`; if that is empty, for one of
  /// its own with the keys in `key_files`, which needs OpenSSH's ssh-agent and ssh-add.
  static Result<std::unique_ptr<AgentForward>> start(const std::string& folder,
                                                     const std::string& name,
                                                     const std::string& agent_socket,
                                                     const std::vector<std::string>& key_files);
};

}  // namespace kiln::executor
