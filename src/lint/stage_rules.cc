// SPDX-License-Identifier: Apache-2.0
#include "lint/stage_rules.h"

#include <fmt/format.h>

#include <set>

#include "base/strings.h"
#include "lint/syntax_rules.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;

Finding about_name(const FileView& view, const df::Stage& stage, Rule rule, std::string detail) {
  const SourceLine& line = view.line_of(stage.range);
  const df::Range range = stage.from.name ? stage.from.name->range : stage.range;
  return {rule, std::move(detail), line.first, line.last, range, {}};
}

void check_names(const FileView& view, Findings& findings) {
  std::set<std::string> seen;
  for (const df::Stage& stage : view.file.stages) {
    if (stage.name.empty()) continue;
    findings.look_at({});
    if (stage.name == "scratch" || stage.name == "context") {
      findings.add(about_name(view, stage, Rule::reserved_stage_name,
                              fmt::format("'{}' has a meaning of its own and can't be used as a "
                                          "stage name",
                                          stage.name)));
    }
    if (!seen.insert(stage.name).second) {
      findings.add(about_name(view, stage, Rule::duplicate_stage_name,
                              fmt::format("an earlier stage is named '{}' already", stage.name)));
    }
  }
}

/// FROM and what is in a stage; ARG above the first FROM does not count.
std::vector<const SourceLine*> counted_lines(const FileView& view) {
  std::vector<const SourceLine*> out;
  for (const df::Stage& stage : view.file.stages) {
    out.push_back(&view.line_of(stage.range));
    for (const auto& instruction : stage.instructions)
      out.push_back(&view.line_of(instruction.range));
  }
  return out;
}

void check_casing(const FileView& view, Findings& findings) {
  const auto lines = counted_lines(view);
  std::size_t lower = 0;
  std::size_t upper = 0;
  for (const SourceLine* line : lines) {
    const std::string_view keyword = line->statement.keyword;
    if (keyword == to_lower(keyword)) {
      ++lower;
    } else if (keyword == to_upper(keyword)) {
      ++upper;
    }
  }
  const bool wants_lower = lower > upper;
  for (const SourceLine* line : lines) {
    const std::string_view keyword = line->statement.keyword;
    std::string wanted = wants_lower ? to_lower(keyword) : to_upper(keyword);
    if (keyword == wanted) continue;
    const df::Range range = line->text.range_of(keyword);
    Finding finding{Rule::consistent_instruction_casing,
                    fmt::format("'{}' is not in {} case, as most instructions are", keyword,
                                wants_lower ? "lower" : "upper"),
                    line->first,
                    line->last,
                    range,
                    {}};
    if (is_written_as(view.file.source, range, keyword))
      finding.fix.push_back({range, std::move(wanted)});
    findings.add(std::move(finding));
  }
}

}  // namespace

void check_stages(const FileView& view, Findings& findings) {
  findings.look_at({});
  check_names(view, findings);
  check_casing(view, findings);
}

}  // namespace kiln::lint
