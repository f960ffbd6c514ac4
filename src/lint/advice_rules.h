// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "lint/file_view.h"
#include "lint/findings.h"
#include "lint/shell_commands.h"

namespace kiln::lint {

/// kiln's rules about the instructions of one stage, given those before them.
class StageAdvice {
 public:
  StageAdvice(const FileView& view, Findings& findings) : view_(view), findings_(findings) {}
  void look_at(const dockerfile::Instruction& instruction);

 private:
  void report(Rule rule, std::string detail, dockerfile::Range range = {});
  void look_at_copy(const dockerfile::Copy& copy);
  void look_at_run(const dockerfile::Run& run);
  void check_apt(const dockerfile::Run& run, const std::vector<ShellCommand>& commands);
  void check_installs(const dockerfile::Run& run, const std::vector<ShellCommand>& commands);
  void check_modes(const std::vector<std::string>& command);
  void check_pipes(const std::vector<ShellCommand>& commands);
  void check_secrets(const ShellCommand& command);
  void check_cd(const std::vector<ShellCommand>& commands);
  void check_volume_write(std::string_view path);
  bool mounts(const dockerfile::Run& run, std::string_view below) const;

  const FileView& view_;
  Findings& findings_;
  const dockerfile::Instruction* instruction_ = nullptr;
  const dockerfile::Instruction* context_copy_ = nullptr;
  std::vector<std::string> copied_to_;
  std::vector<std::string> volumes_;
  bool pipefail_ = false;
};

}  // namespace kiln::lint
