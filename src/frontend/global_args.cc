// SPDX-License-Identifier: Apache-2.0
#include "frontend/global_args.h"

#include "dockerfile/expand.h"
#include "frontend/placed_error.h"

namespace kiln::frontend {

namespace df = dockerfile;

Result<GlobalArgs> global_args(const df::Dockerfile& file, const BuildOptions& options) {
  GlobalArgs out;
  Variables& values = out.values;
  std::string target = options.target;
  if (target.empty()) target = file.stages.back().name;
  if (target.empty()) target = "default";
  const std::pair<const char*, std::string> predefined[] = {
      {"BUILDPLATFORM", options.platform.str()},
      {"BUILDOS", options.platform.os},
      {"BUILDARCH", options.platform.architecture},
      {"BUILDVARIANT", options.platform.variant},
      {"TARGETPLATFORM", options.wanted_platform().str()},
      {"TARGETOS", options.wanted_platform().os},
      {"TARGETARCH", options.wanted_platform().architecture},
      {"TARGETVARIANT", options.wanted_platform().variant},
      {"BUILDOSVERSION", {}},
      {"TARGETOSVERSION", {}},
      {"TARGETSTAGE", std::move(target)}};
  for (const auto& [name, value] : predefined) {
    const auto given = options.build_args.find(name);
    values.set(name, given == options.build_args.end() ? value : given->second);
  }
  const auto lookup = [&](std::string_view name) { return values.find(name); };
  for (const auto& instruction : file.global_args) {
    const auto& arg = std::get<df::Arg>(instruction.value);
    for (const auto& pair : arg.pairs) {
      const auto given = options.build_args.find(pair.key.text);
      if (given != options.build_args.end()) {
        values.set(pair.key.text, given->second);
      } else if (pair.has_value) {
        auto value = df::expand_word(pair.value.text, lookup, file.directives.escape);
        if (!value)
          return error_at(file.source, instruction.range, std::move(value).error(),
                          pair.value.range);
        values.set(pair.key.text, *value);
      }
    }
  }
  return out;
}

}  // namespace kiln::frontend
