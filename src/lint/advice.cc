// SPDX-License-Identifier: Apache-2.0
#include "lint/advice.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "lint/advice_rules.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;

/// `latest` moves; a stage, scratch and a variable name no image.
void check_base(const FileView& view, std::size_t index, Findings& findings) {
  const df::Stage& stage = view.file.stages[index];
  const std::string& image = stage.from.image.text;
  if (image == "scratch" || image.find_first_of("@$") != std::string::npos) return;
  for (std::size_t i = 0; i < index; ++i) {
    if (view.file.stages[i].name == image) return;
  }
  const auto tag = image.find(':', image.rfind('/') == std::string::npos ? 0 : image.rfind('/'));
  const std::string name = tag == std::string::npos ? "" : image.substr(tag + 1);
  if (!name.empty() && name != "latest") return;
  const SourceLine& line = view.line_of(stage.range);
  findings.look_at(stage.comments);
  findings.add({Rule::unpinned_base_image,
                fmt::format("{} is another image next month: name a version, or a digest", image),
                line.first,
                line.last,
                stage.from.image.range,
                {}});
}

/// Of the stage that is built: an explicit USER root at the end.
void check_last_user(const FileView& view, const df::Stage& stage, Findings& findings) {
  const df::Instruction* last = nullptr;
  for (const df::Instruction& instruction : stage.instructions) {
    if (std::holds_alternative<df::User>(instruction.value)) last = &instruction;
  }
  if (last == nullptr) return;
  const df::Word& user = std::get<df::User>(last->value).user;
  const auto name = split_once(user.text, ':').first;
  if (name != "root" && name != "0") return;
  const SourceLine& line = view.line_of(last->range);
  findings.look_at(last->comments);
  findings.add({Rule::runs_as_root,
                "the image ends with USER " + user.text + ": what runs in it is root",
                line.first,
                line.last,
                user.range,
                {}});
}

}  // namespace

void check_advice(const FileView& view, const LintRequest& request, Findings& findings) {
  const df::Stage* target = &view.file.stages.back();
  for (const df::Stage& stage : view.file.stages) {
    if (!request.build.target.empty() && stage.name == to_lower(request.build.target))
      target = &stage;
  }
  for (std::size_t i = 0; i < view.file.stages.size(); ++i) {
    const df::Stage& stage = view.file.stages[i];
    check_base(view, i, findings);
    StageAdvice advice(view, findings);
    for (const df::Instruction& instruction : stage.instructions) {
      findings.look_at(instruction.comments);
      advice.look_at(instruction);
    }
    if (&stage == target) check_last_user(view, stage, findings);
  }
}

}  // namespace kiln::lint
