// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "dockerfile/parser.h"
#include "frontend/build_plan.h"
#include "lint/evaluation.h"

namespace kiln::lint {

/// What one may give to a build of a target: `--call=outline`.
struct Outline {
  struct Arg {
    std::string name;
    ArgFact fact;
  };
  std::string name, description;
  /// In the order of the file.
  std::vector<Arg> args;
  std::vector<MountFact> secrets, ssh;
  std::string source;
};

Result<Outline> outline_of(const dockerfile::Dockerfile& file, const frontend::BuildOptions& build,
                           frontend::BaseImages& images);
/// Tables, and docker's JSON.
std::string to_text(const Outline& outline);
std::string to_json(const Outline& outline);

/// The stages that can be built: `--call=targets`.
struct TargetList {
  struct Target {
    std::string name, description, base, platform;
    bool is_default = false;
    Lines lines;
  };
  std::vector<Target> targets;
  std::string source;
};

TargetList targets_of(const dockerfile::Dockerfile& file);
std::string to_text(const TargetList& targets);
std::string to_json(const TargetList& targets);

}  // namespace kiln::lint
