// SPDX-License-Identifier: Apache-2.0
#include "lint/outline.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/json.h"
#include "lint/source_lines.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;
using Json = nlohmann::ordered_json;
using Row = std::vector<std::string>;

/// All cells but a row's last are as wide as the widest of their column and the gap.
std::string table(const std::vector<Row>& rows, std::size_t gap) {
  std::vector<std::size_t> widths;
  for (const Row& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i + 1 < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] + gap - row[i].size(), ' ');
    }
    out += '\n';
  }
  return out;
}

class Collector {
 public:
  Collector(const Evaluation& evaluation, Outline& out) : evaluation_(evaluation), out_(out) {}

  void add(std::size_t index) {
    if (!seen_.insert(index).second) return;
    const StageFacts& stage = evaluation_.stages[index];
    for (const std::string& name : with_uses(stage)) {
      const auto fact = stage.args.find(name);
      if (fact != stage.args.end() && args_.insert(name).second)
        out_.args.push_back({name, fact->second});
    }
    add_mounts(stage.secrets, out_.secrets);
    add_mounts(stage.ssh, out_.ssh);
    if (stage.base) add(*stage.base);
    for (const std::size_t source : stage.sources) add(source);
  }

 private:
  /// Arguments that a stage uses, and those that their defaults are made of.
  static std::set<std::string> with_uses(const StageFacts& stage) {
    std::set<std::string> out;
    std::vector<std::string> open(stage.used_args.begin(), stage.used_args.end());
    while (!open.empty()) {
      const std::string name = open.back();
      open.pop_back();
      if (!out.insert(name).second) continue;
      const auto fact = stage.args.find(name);
      if (fact == stage.args.end()) continue;
      open.insert(open.end(), fact->second.uses.begin(), fact->second.uses.end());
    }
    return out;
  }

  static void add_mounts(const std::vector<MountFact>& mounts, std::vector<MountFact>& out) {
    for (const MountFact& mount : mounts) {
      if (std::ranges::none_of(out, [&](const MountFact& m) { return m.id == mount.id; }))
        out.push_back(mount);
    }
  }

  const Evaluation& evaluation_;
  Outline& out_;
  std::set<std::size_t> seen_;
  std::set<std::string> args_;
};

Json location(Lines lines) {
  Json ranges = Json::array();
  for (unsigned line = lines.first; line <= lines.last; ++line)
    ranges.push_back({{"start", {{"line", line}}}, {"end", {{"line", line}}}});
  return {{"ranges", std::move(ranges)}};
}

void set_unless_empty(Json& object, const char* key, const std::string& value) {
  if (!value.empty()) object[key] = value;
}

Json mounts_json(const std::vector<MountFact>& mounts) {
  Json out = Json::array();
  for (const MountFact& mount : mounts) {
    Json one = {{"name", mount.id}};
    if (mount.required) one["required"] = true;
    one["location"] = location(mount.lines);
    out.push_back(std::move(one));
  }
  return out;
}

std::string mounts_table(const std::string& title, const std::vector<MountFact>& mounts) {
  if (mounts.empty()) return {};
  std::vector<Row> rows = {{title, "REQUIRED"}};
  for (const MountFact& mount : mounts) rows.push_back({mount.id, mount.required ? "true" : ""});
  return table(rows, 3) + "\n";
}

}  // namespace

Result<Outline> outline_of(const df::Dockerfile& file, const frontend::BuildOptions& build,
                           frontend::BaseImages& images) {
  const FileView view(file);
  LintRequest request;
  request.stages = Stages::needed;
  request.build = build;
  request.images = &images;
  Findings unused({}, Caller::build);
  const Evaluation evaluation = evaluate(view, request, unused);
  if (!evaluation.target)
    return not_found("target stage \"" + build.target + "\" could not be found");
  Outline out;
  const df::Stage& stage = file.stages[*evaluation.target];
  out.name = stage.name;
  out.description = description_of(stage.comments, stage.name);
  out.source = file.source.text();
  Collector(evaluation, out).add(*evaluation.target);
  const auto line = [](const auto& entry) { return entry.lines.first; };
  std::ranges::stable_sort(out.args, {}, [](const Outline::Arg& a) { return a.fact.lines.first; });
  std::ranges::stable_sort(out.secrets, {}, line);
  std::ranges::stable_sort(out.ssh, {}, line);
  return out;
}

std::string to_text(const Outline& outline) {
  std::string out;
  if (!outline.name.empty() || !outline.description.empty()) {
    std::vector<Row> rows = {{"TARGET:", outline.name.empty() ? "(default)" : outline.name}};
    if (!outline.description.empty()) rows.push_back({"DESCRIPTION:", outline.description});
    out += table(rows, 1) + "\n";
  }
  if (!outline.args.empty()) {
    std::vector<Row> rows = {{"BUILD ARG", "VALUE", "DESCRIPTION"}};
    for (const auto& [name, fact] : outline.args)
      rows.push_back({name, fact.value, fact.description});
    out += table(rows, 3) + "\n";
  }
  return out + mounts_table("SECRET", outline.secrets) + mounts_table("SSH", outline.ssh);
}

std::string to_json(const Outline& outline) {
  Json out = Json::object();
  set_unless_empty(out, "name", outline.name);
  set_unless_empty(out, "description", outline.description);
  for (const auto& [name, fact] : outline.args) {
    Json one = {{"name", name}};
    set_unless_empty(one, "description", fact.description);
    set_unless_empty(one, "value", fact.value);
    one["location"] = location(fact.lines);
    out["args"].push_back(std::move(one));
  }
  if (!outline.secrets.empty()) out["secrets"] = mounts_json(outline.secrets);
  if (!outline.ssh.empty()) out["ssh"] = mounts_json(outline.ssh);
  out["sources"] = Json::array({base64(outline.source)});
  return indented_json(out);
}

TargetList targets_of(const df::Dockerfile& file) {
  TargetList out;
  out.source = file.source.text();
  const FileView view(file);
  for (const df::Stage& stage : file.stages) {
    TargetList::Target target;
    target.name = stage.name;
    target.description = description_of(stage.comments, stage.name);
    target.base = stage.from.image.text;
    if (stage.from.platform) target.platform = stage.from.platform->text;
    target.is_default = &stage == &file.stages.back();
    const SourceLine& line = view.line_of(stage.range);
    target.lines = {line.first, line.last};
    out.targets.push_back(std::move(target));
  }
  return out;
}

std::string to_text(const TargetList& targets) {
  std::vector<Row> rows = {{"TARGET", "DESCRIPTION"}};
  for (const auto& target : targets.targets) {
    std::string name = target.name;
    if (target.is_default) name += name.empty() ? "(default)" : " (default)";
    rows.push_back({name, target.description});
  }
  return table(rows, 1);
}

std::string to_json(const TargetList& targets) {
  Json list = Json::array();
  for (const auto& target : targets.targets) {
    Json one = Json::object();
    set_unless_empty(one, "name", target.name);
    if (target.is_default) one["default"] = true;
    set_unless_empty(one, "description", target.description);
    set_unless_empty(one, "base", target.base);
    set_unless_empty(one, "platform", target.platform);
    one["location"] = location(target.lines);
    list.push_back(std::move(one));
  }
  return indented_json(
      Json{{"targets", std::move(list)}, {"sources", Json::array({base64(targets.source)})}});
}

}  // namespace kiln::lint
