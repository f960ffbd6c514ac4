// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "dockerfile/expand.h"
#include "dockerfile/ignore.h"
#include "lint/evaluation.h"

namespace kiln::lint {

/// Rules about an instruction given what is set before it. One object for one stage.
class InstructionRules {
 public:
  using Values = std::map<std::string, std::string, std::less<>>;
  /// Where findings are shown; `own` is false for a trigger that came with the base.
  struct Place {
    Lines lines;
    dockerfile::Range range;
    bool own = true;
  };

  InstructionRules(const dockerfile::Dockerfile& file, const LintRequest& request,
                   const Values& globals, StageFacts& facts, Findings& findings);

  /// Reports, and applies the instruction to the facts; false if it can't be expanded.
  bool check(const dockerfile::Instruction& instruction, const Place& place);

 private:
  using Mount = std::map<std::string, std::string, std::less<>>;

  void report(Rule rule, std::string detail, dockerfile::Range range = {});
  void report_undefined(const dockerfile::UsedNames& used, dockerfile::Range range);
  std::string expand(const dockerfile::Word& word);
  void expand_if(const std::optional<dockerfile::Word>& word);
  void check_used_once(std::optional<Place>& earlier, const dockerfile::Instruction& instruction);
  void check_form(const dockerfile::Instruction& instruction,
                  const dockerfile::CommandLine& command);
  void check_legacy(const dockerfile::Instruction& instruction, const dockerfile::KeyValue& pair);
  void check_ignored(const dockerfile::Copy& copy, const std::string& source,
                     dockerfile::Range range);
  void check_port(const std::string& port, const dockerfile::Word& word);
  void note_mount(const Mount& mount);

  void apply(const dockerfile::Instruction& instruction, const dockerfile::Run& run);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Copy& copy);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Env& env);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Label& label);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Arg& arg);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Workdir& workdir);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::User& user);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::StopSignal& signal);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Maintainer& maintainer);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Cmd& cmd);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Entrypoint& entrypoint);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Shell& shell);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Expose& expose);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Volume& volume);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Healthcheck& check);
  void apply(const dockerfile::Instruction& instruction, const dockerfile::Onbuild& onbuild);

  const dockerfile::Dockerfile& file_;
  const LintRequest& request_;
  const Values& globals_;
  StageFacts& facts_;
  Findings& findings_;
  /// nullopt if nothing is ignored.
  std::optional<dockerfile::IgnorePatterns> ignore_;
  bool context_ignored_ = false, has_exceptions_ = false;
  std::optional<Place> cmd_, entrypoint_, healthcheck_;
  Place place_;
  bool failed_ = false;
};

/// The stages or images that an instruction takes files from, as written.
std::vector<std::string> source_names(const dockerfile::Instruction& instruction);

}  // namespace kiln::lint
