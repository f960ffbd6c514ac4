// SPDX-License-Identifier: Apache-2.0
#include "frontend/build_time_source.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/expand.h"
#include "frontend/global_args.h"
#include "frontend/placed_error.h"
#include "frontend/remote_sources.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;

constexpr const char* kName = "SOURCE_DATE_EPOCH";

/// A stage that is read for its one source, and not built.
class TimeStage {
 public:
  TimeStage(const df::Dockerfile& file, const BuildOptions& options, GlobalArgs globals)
      : file_(&file), options_(&options), values_(std::move(globals.values)) {}

  Result<llb::Op> source(const df::Stage& stage) {
    const std::string base = TRY(expand(stage.from.image.text));
    if (base != "scratch") return invalid_input("SOURCE_DATE_EPOCH stage must use FROM scratch");
    std::optional<llb::Op> found;
    for (const auto& instruction : stage.instructions) {
      if (const auto* arg = std::get_if<df::Arg>(&instruction.value)) {
        TRY(declare(*arg));
        continue;
      }
      const auto* copy = std::get_if<df::Copy>(&instruction.value);
      if (copy == nullptr || !copy->is_add)
        return invalid_input(
            fmt::format("SOURCE_DATE_EPOCH stage does not meet source-only requirements: "
                        "unsupported {} instruction",
                        instruction.keyword));
      if (found) return not_one();
      found = TRY(addition(*copy));
    }
    if (!found) return not_one();
    return *std::move(found);
  }

 private:
  static Error not_one() {
    return invalid_input("SOURCE_DATE_EPOCH stage must contain exactly one remote ADD");
  }

  Result<std::string> expand(const std::string& text) const {
    const auto lookup = [this](std::string_view name) {
      return name == kName ? std::nullopt : values_.find(name);
    };
    return df::expand_word(text, lookup, file_->directives.escape);
  }

  Result<void> declare(const df::Arg& arg) {
    for (const auto& pair : arg.pairs) {
      const auto given = options_->build_args.find(pair.key.text);
      if (given != options_->build_args.end()) {
        values_.set(pair.key.text, given->second);
      } else if (pair.has_value) {
        const std::string value = TRY(expand(pair.value.text));
        values_.set(pair.key.text, value);
      }
    }
    return {};
  }

  Result<llb::Op> addition(const df::Copy& copy) const {
    if (!copy.heredocs.empty() || copy.sources.size() != 1)
      return invalid_input("SOURCE_DATE_EPOCH stage must contain exactly one remote ADD source");
    RemoteFlags flags;
    flags.is_add = true;
    flags.keep_git_dir = copy.keep_git_dir;
    if (copy.checksum) flags.checksum = TRY(expand(copy.checksum->text));
    const std::string text = TRY(expand(copy.sources.front().text));
    auto source = TRY(remote_source(text, flags));
    if (!source)
      return invalid_input("SOURCE_DATE_EPOCH stage source must be a single HTTP(S) or Git ADD");
    return std::move(source->op);
  }

  const df::Dockerfile* file_;
  const BuildOptions* options_;
  Variables values_;
};

}  // namespace

Result<std::optional<std::string>> find_source_date_epoch(const dockerfile::Dockerfile& file,
                                                          const BuildOptions& options) {
  std::string out;
  if (const auto given = options.build_args.find(kName); given != options.build_args.end()) {
    out = given->second;
  } else {
    const GlobalArgs globals = TRY(global_args(file, options));
    out = globals.values.find(kName).value_or("");
  }
  return out.empty() ? std::optional<std::string>() : std::optional(std::move(out));
}

Result<std::optional<llb::Op>> find_build_time_source(const df::Dockerfile& file,
                                                      const BuildOptions& options,
                                                      const std::string& name) {
  if (const NamedContext* context = find_context(options.contexts, name)) {
    if (std::holds_alternative<ImageContext>(*context)) return std::optional<llb::Op>();
    llb::Op op = TRY(context_op(*context));
    return std::optional(std::move(op));
  }
  const auto stage = std::ranges::find_if(file.stages, [&](const df::Stage& each) {
    return !each.name.empty() && equals_ignoring_case(each.name, name);
  });
  if (stage == file.stages.end())
    return invalid_input("invalid SOURCE_DATE_EPOCH: " + name)
        .with_hint(
            "a number of seconds since 1970, context, or the name of a named context or of a stage "
            "that is one ADD of a remote source");
  GlobalArgs globals = TRY(global_args(file, options));
  auto source = TimeStage(file, options, std::move(globals)).source(*stage);
  if (!source) return error_at(file.source, stage->range, std::move(source).error(), std::nullopt);
  return std::optional(*std::move(source));
}

}  // namespace kiln::frontend
