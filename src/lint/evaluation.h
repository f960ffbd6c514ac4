// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "lint/file_view.h"
#include "lint/findings.h"
#include "lint/lint.h"

namespace kiln::lint {

/// Where something is declared.
struct Lines {
  unsigned first = 0, last = 0;
};

struct ArgFact {
  std::string value, description;
  Lines lines;
  /// Arguments that its default is made of.
  std::set<std::string> uses;
};

struct MountFact {
  std::string id;
  bool required = false;
  Lines lines;
};

/// What a stage's instructions come to, as far as rules and outlines ask.
struct StageFacts {
  std::map<std::string, std::string, std::less<>> variables;
  /// False if the stage builds on an image that was not found.
  bool knows_variables = true;
  std::set<std::string, std::less<>> declared_args;
  bool has_shell = false;
  bool has_workdir = false;

  std::map<std::string, ArgFact> args;
  std::set<std::string> used_args;
  std::vector<MountFact> secrets, ssh;
  std::optional<std::size_t> base;
  /// Stages that COPY and RUN --mount take files from.
  std::vector<std::size_t> sources;
};

struct Evaluation {
  std::vector<StageFacts> stages;
  /// nullopt if no stage has the wanted name.
  std::optional<std::size_t> target;
};

/// Walks through stages and their instructions as a build would, without files. An error in an
/// expansion ends it; planning the file reports that one.
Evaluation evaluate(const FileView& view, const LintRequest& request, Findings& findings);

}  // namespace kiln::lint
