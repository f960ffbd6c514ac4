// SPDX-License-Identifier: Apache-2.0
#include "lint/evaluation.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "dockerfile/expand.h"
#include "lint/instruction_rules.h"
#include "lint/source_lines.h"
#include "lint/variable_names.h"
#include "oci/reference.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;
using Values = std::map<std::string, std::string, std::less<>>;
constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::vector<std::string> keys_of(const Values& values) {
  std::vector<std::string> out;
  for (const auto& [key, value] : values) out.push_back(key);
  return out;
}

df::Lookup lookup_in(const Values& values) {
  return [&values](std::string_view name) -> std::optional<std::string> {
    const auto found = values.find(name);
    if (found == values.end()) return std::nullopt;
    return found->second;
  };
}

class Evaluator {
 public:
  Evaluator(const FileView& view, const LintRequest& request, Findings& findings)
      : view_(view), file_(view.file), request_(request), findings_(findings) {
    out_.stages.resize(file_.stages.size());
    bases_.resize(file_.stages.size());
  }

  Evaluation run() {
    out_.target = find_target();
    findings_.look_at({});
    check_default_names();
    if (!evaluate_globals(request_.build.build_args, &global_facts_)) return std::move(out_);
    for (std::size_t i = 0; i < file_.stages.size(); ++i) {
      if (!enter(i)) return std::move(out_);
    }
    if (!out_.target) return std::move(out_);
    mark_needed(*out_.target);
    const bool all = request_.stages == Stages::all && request_.build.target.empty();
    const auto wanted = [&](std::size_t i) { return all || needed_.contains(i); };
    for (std::size_t i = 0; i < file_.stages.size(); ++i) {
      if (wanted(i)) resolve_base(i);
    }
    for (std::size_t i = 0; i < file_.stages.size(); ++i) {
      if (wanted(i) && !walk(i)) break;
    }
    return std::move(out_);
  }

 private:
  char escape() const { return file_.directives.escape; }
  Lines lines_of(df::Range range) const {
    const SourceLine& line = view_.line_of(range);
    return {line.first, line.last};
  }

  std::optional<std::size_t> find_target() const {
    const std::string& target = request_.build.target;
    if (target.empty()) return file_.stages.size() - 1;
    return find_named_stage(target, file_.stages.size());
  }

  std::optional<std::size_t> find_named_stage(const std::string& name, std::size_t end) const {
    const std::string lower = to_lower(name);
    for (std::size_t i = end; i-- > 0;) {
      if (!lower.empty() && file_.stages[i].name == lower) return i;
    }
    return std::nullopt;
  }

  std::optional<std::size_t> find_stage(const std::string& name, std::size_t end) const {
    if (const auto named = find_named_stage(name, end)) return named;
    const auto index = parse_uint(name);
    if (index && *index < end) return static_cast<std::size_t>(*index);
    return std::nullopt;
  }

  Values predefined() const {
    std::string target = request_.build.target;
    if (target.empty()) target = file_.stages.back().name;
    if (target.empty()) target = "default";
    Values out = {{"TARGETSTAGE", target}};
    for (const std::string side : {"BUILD", "TARGET"}) {
      const oci::Platform& platform =
          side == "BUILD" ? request_.build.platform : request_.build.wanted_platform();
      out[side + "PLATFORM"] = platform.str();
      out[side + "OS"] = platform.os;
      out[side + "OSVERSION"] = "";
      out[side + "ARCH"] = platform.architecture;
      out[side + "VARIANT"] = platform.variant;
    }
    return out;
  }

  /// ARG before the first FROM; false if a default can't be expanded.
  bool evaluate_globals(const std::map<std::string, std::string>& given,
                        std::map<std::string, ArgFact>* facts) {
    globals_ = predefined();
    for (const auto& [name, value] : given) {
      if (globals_.contains(name)) globals_[name] = value;
    }
    for (const auto& instruction : file_.global_args) {
      for (const auto& pair : std::get<df::Arg>(instruction.value).pairs) {
        ArgFact fact;
        fact.lines = lines_of(instruction.range);
        fact.description = description_of(instruction.comments, pair.key.text);
        const auto own = given.find(pair.key.text);
        if (own != given.end()) {
          fact.value = globals_[pair.key.text] = own->second;
        } else if (pair.has_value) {
          df::UsedNames used;
          auto value = df::expand_word(pair.value.text, lookup_in(globals_), escape(), &used);
          if (!value) return false;
          fact.value = globals_[pair.key.text] = *value;
          fact.uses = {used.defined.begin(), used.defined.end()};
        }
        if (facts != nullptr) (*facts)[pair.key.text] = std::move(fact);
      }
    }
    return true;
  }

  Finding about_from(const df::Stage& stage, Rule rule, std::string detail, df::Range range) const {
    const Lines lines = lines_of(stage.range);
    return {rule, std::move(detail), lines.first, lines.last, range, {}};
  }

  void check_default_names() {
    if (!evaluate_globals({}, nullptr)) return;
    for (const df::Stage& stage : file_.stages) {
      const auto name = df::expand_word(stage.from.image.text, lookup_in(globals_), escape());
      if (!name) return;
      if (oci::Reference::parse(*name)) continue;
      findings_.add(
          about_from(stage, Rule::invalid_default_arg_in_from,
                     fmt::format("with the defaults of its ARGs, {} is {}", stage.from.image.text,
                                 name->empty() ? "empty" : "no valid image name: '" + *name + "'"),
                     stage.from.image.range));
    }
  }

  void report_undeclared(const df::Stage& stage, const df::UsedNames& used, df::Range range) {
    auto known = keys_of(globals_);
    for (const auto& [name, fact] : global_facts_) known.push_back(name);
    for (const std::string& name : used.undefined) {
      if (global_facts_.contains(name)) continue;
      findings_.add(about_from(
          stage, Rule::undefined_arg_in_from,
          fmt::format("no ARG before the first FROM declares '{}'{}", name, name_hint(name, known)),
          range));
    }
  }

  void check_platform(const df::Stage& stage, const df::Word& word, const std::string& value,
                      const df::UsedNames& used) {
    if (used.defined.size() == 1 && used.undefined.empty() &&
        used.defined.contains("TARGETPLATFORM") && value == globals_["TARGETPLATFORM"]) {
      Finding finding = about_from(stage, Rule::redundant_target_platform,
                                   word.text + " is the platform of FROM anyway", word.range);
      add_flag_removal(view_.line_of(stage.range), "platform", finding);
      findings_.add(std::move(finding));
    }
    if (!used.defined.empty() || !used.undefined.empty()) return;
    const auto platform = oci::Platform::parse(value, request_.build.platform);
    if (!platform) return;
    // A stage that says in its name what it is for may be so.
    if (stage.name.find(platform->os) != std::string::npos ||
        stage.name.find(platform->architecture) != std::string::npos)
      return;
    findings_.add(about_from(stage, Rule::from_platform_flag_const_disallowed,
                             fmt::format("--platform is always '{}'", value), word.range));
  }

  void add_flag_removal(const SourceLine& line, std::string_view name, Finding& finding) const {
    for (const df::Flag& flag : line.statement.flags) {
      if (flag.name != name || flag.range.begin.line != flag.range.end.line) continue;
      df::Range range = flag.range;
      const std::string_view row = file_.source.line(range.begin.line);
      const auto next = row.find_first_not_of(" \t", range.end.column - 1);
      if (next == std::string_view::npos) return;
      range.end.column = static_cast<unsigned>(next) + 1;
      finding.fix.push_back({range, ""});
    }
  }

  /// FROM itself; false if it can't be expanded.
  bool enter(std::size_t index) {
    const df::Stage& stage = file_.stages[index];
    StageFacts& facts = out_.stages[index];
    findings_.look_at(stage.comments);
    df::UsedNames used;
    const auto name = df::expand_word(stage.from.image.text, lookup_in(globals_), escape(), &used);
    report_undeclared(stage, used, stage.from.image.range);
    if (!name || name->empty()) return false;
    facts.args = global_facts_;
    facts.used_args = {used.defined.begin(), used.defined.end()};
    bases_[index].name = *name;
    bases_[index].platform = request_.build.wanted_platform();
    for (std::size_t i = 0; i < index; ++i) {
      if (file_.stages[i].name == *name) facts.base = i;
    }
    if (facts.base) {
      facts.args = out_.stages[*facts.base].args;
      facts.used_args.insert(out_.stages[*facts.base].used_args.begin(),
                             out_.stages[*facts.base].used_args.end());
    }
    find_sources(index);
    if (!stage.from.platform) return true;
    df::UsedNames platform_names;
    const df::Word& word = *stage.from.platform;
    const auto value = df::expand_word(word.text, lookup_in(globals_), escape(), &platform_names);
    report_undeclared(stage, platform_names, word.range);
    if (!value) return false;
    check_platform(stage, word, *value, platform_names);
    facts.used_args.insert(platform_names.defined.begin(), platform_names.defined.end());
    if (const auto platform = oci::Platform::parse(*value, request_.build.platform))
      bases_[index].platform = *platform;
    return true;
  }

  void find_sources(std::size_t index) {
    const auto add = [&](const std::string& name) {
      const auto found = find_stage(name, index);
      if (found) out_.stages[index].sources.push_back(*found);
    };
    for (const auto& instruction : file_.stages[index].instructions) {
      for (const std::string& name : source_names(instruction)) add(name);
    }
  }

  void mark_needed(std::size_t index) {
    if (!needed_.insert(index).second) return;
    if (out_.stages[index].base) mark_needed(*out_.stages[index].base);
    for (const std::size_t source : out_.stages[index].sources) mark_needed(source);
  }

  void resolve_base(std::size_t index) {
    Base& base = bases_[index];
    if (out_.stages[index].base || base.name == "scratch") return;
    out_.stages[index].knows_variables = false;
    if (request_.images == nullptr) return;
    auto image = request_.images->resolve(base.name, base.platform);
    if (!image) return;
    base.config = std::move(image->config);
    out_.stages[index].knows_variables = true;
    const oci::Platform& actual = base.config->platform;
    if (actual.os == base.platform.os && actual.architecture == base.platform.architecture) return;
    const df::Stage& stage = file_.stages[index];
    findings_.look_at({});
    findings_.add(about_from(stage, Rule::invalid_base_image_platform,
                             fmt::format("{} is an image for {}, and {} was asked for", base.name,
                                         actual.str(), base.platform.str()),
                             stage.from.image.range));
  }

  void inherit(std::size_t index) {
    StageFacts& facts = out_.stages[index];
    if (facts.base) {
      const StageFacts& from = out_.stages[*facts.base];
      facts.variables = from.variables;
      facts.knows_variables = from.knows_variables;
      facts.declared_args = from.declared_args;
      facts.has_shell = from.has_shell;
      facts.has_workdir = from.has_workdir;
      return;
    }
    facts.variables["PATH"] = kDefaultPath;
    if (!bases_[index].config) return;
    for (const std::string& entry : bases_[index].config->config.env) {
      const auto [name, value] = split_once(entry, '=');
      facts.variables[std::string(name)] = value.value_or("");
    }
    const auto& shell = bases_[index].config->config.shell;
    facts.has_shell = shell && !shell->empty();
  }

  /// ONBUILD of the base, where docker sees it: in stages that the last, or the target, needs.
  std::vector<df::Instruction> triggers(std::size_t index) const {
    std::vector<df::Instruction> out;
    if (!needed_.contains(index)) return out;
    if (bases_[index].config) {
      for (const std::string& text : bases_[index].config->config.on_build) {
        if (auto trigger = df::parse_instruction(text, '\\')) out.push_back(*std::move(trigger));
      }
    }
    if (out_.stages[index].base) {
      for (const auto& instruction : file_.stages[*out_.stages[index].base].instructions) {
        const auto* onbuild = std::get_if<df::Onbuild>(&instruction.value);
        if (onbuild != nullptr && onbuild->trigger) out.push_back(*onbuild->trigger);
      }
    }
    return out;
  }

  /// The instructions of a stage; false if one can't be expanded.
  bool walk(std::size_t index) {
    inherit(index);
    InstructionRules rules(file_, request_, globals_, out_.stages[index], findings_);
    for (const df::Instruction& trigger : triggers(index)) {
      const df::Range from = file_.stages[index].range;
      findings_.look_at({});
      if (!rules.check(trigger, {lines_of(from), from, false})) return false;
    }
    for (const df::Instruction& instruction : file_.stages[index].instructions) {
      findings_.look_at(instruction.comments);
      if (!rules.check(instruction, {lines_of(instruction.range), instruction.range, true}))
        return false;
    }
    return true;
  }

  struct Base {
    std::string name;
    oci::Platform platform;
    std::optional<oci::ImageConfig> config;
  };

  const FileView& view_;
  const df::Dockerfile& file_;
  const LintRequest& request_;
  Findings& findings_;
  Values globals_;
  std::map<std::string, ArgFact> global_facts_;
  std::vector<Base> bases_;
  std::set<std::size_t> needed_;
  Evaluation out_;
};

}  // namespace

Evaluation evaluate(const FileView& view, const LintRequest& request, Findings& findings) {
  return Evaluator(view, request, findings).run();
}

}  // namespace kiln::lint
