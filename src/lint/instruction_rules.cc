// SPDX-License-Identifier: Apache-2.0
#include "lint/instruction_rules.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/paths.h"
#include "base/strings.h"
#include "dockerfile/csv.h"
#include "lint/source_lines.h"
#include "lint/syntax_rules.h"
#include "lint/variable_names.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;

/// Of `key=value,flag`: what is there, in lower case, values as they are.
std::map<std::string, std::string, std::less<>> mount_fields(const std::string& text) {
  std::map<std::string, std::string, std::less<>> out;
  const auto fields = df::csv_fields(text);
  if (!fields) return out;
  for (const std::string& field : *fields) {
    const auto [key, value] = split_once(field, '=');
    out[to_lower(key)] = value.value_or("true");
  }
  return out;
}

bool is_remote(std::string_view source) {
  return source.starts_with("http://") || source.starts_with("https://") ||
         source.starts_with("git@") || source.starts_with("git://") ||
         source.starts_with("ssh://") || source.find("://") != std::string_view::npos;
}

/// `key value` as `key=value`, or nothing if that needs more than quotes and escapes.
std::optional<Edit> with_equals(const df::Source& source, const df::KeyValue& pair, char escape) {
  const df::Range range{pair.key.range.begin, pair.value.range.end};
  if (range.begin.line != range.end.line) return std::nullopt;
  if (!is_written_as(source, pair.value.range, pair.value.text)) return std::nullopt;
  const std::string& value = pair.value.text;
  std::string out = pair.key.text + "=";
  const bool plain = value.find_first_of(std::string("\"'") + escape) == std::string::npos;
  if (plain && value.find_first_of(" \t") != std::string::npos) {
    out += '"' + value + '"';
    return Edit{range, std::move(out)};
  }
  char quote = 0;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const char c = value[i];
    if (c == escape && quote != '\'' && i + 1 < value.size()) {
      out += c;
      out += value[++i];
      continue;
    }
    if (quote == 0 && (c == ' ' || c == '\t')) out += escape;
    if (quote == 0 && (c == '"' || c == '\'')) {
      quote = c;
    } else if (c == quote) {
      quote = 0;
    }
    out += c;
  }
  if (quote != 0) return std::nullopt;
  return Edit{range, std::move(out)};
}

/// As docker 28 looks it up: the source as it is written, and the directories above it. So `./a/`
/// is found below a pattern `a`, but `./a` is not.
bool is_ignored(const df::IgnorePatterns& patterns, const std::string& source) {
  const auto slash = source.rfind('/');
  const std::string above =
      df::clean_path(source.substr(0, slash == std::string::npos ? 0 : slash));
  if (above == ".") return patterns.judge(source, nullptr).ignored;
  df::IgnorePatterns::Verdict verdict;
  const df::IgnorePatterns::Verdict* parent = nullptr;
  for (std::size_t end = 0; end != std::string::npos;) {
    end = above.find('/', end + 1);
    verdict = patterns.judge(above.substr(0, end), parent);
    parent = &verdict;
  }
  return patterns.judge(source, parent).ignored;
}

}  // namespace

std::vector<std::string> source_names(const df::Instruction& instruction) {
  std::vector<std::string> out;
  if (const auto* copy = std::get_if<df::Copy>(&instruction.value)) {
    if (copy->from) out.push_back(copy->from->text);
  }
  if (const auto* run = std::get_if<df::Run>(&instruction.value)) {
    for (const df::Flag& flag : run->flags) {
      if (flag.name != "mount") continue;
      const auto fields = mount_fields(flag.value.value_or(""));
      if (const auto from = fields.find("from"); from != fields.end()) out.push_back(from->second);
    }
  }
  return out;
}

InstructionRules::InstructionRules(const df::Dockerfile& file, const LintRequest& request,
                                   const Values& globals, StageFacts& facts, Findings& findings)
    : file_(file), request_(request), globals_(globals), facts_(facts), findings_(findings) {
  const auto& patterns = request.build.ignore;
  if (patterns.empty()) return;
  if (auto compiled = df::IgnorePatterns::create(patterns)) ignore_ = *std::move(compiled);
  has_exceptions_ =
      std::ranges::any_of(patterns, [](const std::string& p) { return p.starts_with('!'); });
  context_ignored_ = std::ranges::any_of(
      patterns, [](const std::string& p) { return p == "*" || p == "**" || p == "**/*"; });
}

bool InstructionRules::check(const df::Instruction& instruction, const Place& place) {
  place_ = place;
  std::visit([&](const auto& value) { apply(instruction, value); }, instruction.value);
  return !failed_;
}

void InstructionRules::report(Rule rule, std::string detail, df::Range range) {
  // A trigger's ranges are those of another text.
  if (!place_.own || range == df::Range()) range = place_.range;
  findings_.add({rule, std::move(detail), place_.lines.first, place_.lines.last, range, {}});
}

void InstructionRules::report_undefined(const df::UsedNames& used, df::Range range) {
  if (!facts_.knows_variables) return;
  std::vector<std::string> known;
  for (const auto& [name, value] : facts_.variables) known.push_back(name);
  for (const std::string& name : used.undefined) {
    if (facts_.declared_args.contains(name)) continue;
    report(Rule::undefined_var,
           fmt::format("${} is not defined here{}", name, name_hint(name, known, "$")), range);
  }
}

std::string InstructionRules::expand(const df::Word& word) {
  if (failed_) return {};
  df::UsedNames used;
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = facts_.variables.find(name);
    if (found == facts_.variables.end()) return std::nullopt;
    return found->second;
  };
  auto text = df::expand_word(word.text, lookup, file_.directives.escape, &used);
  report_undefined(used, word.range);
  if (!text) failed_ = true;
  return text ? *std::move(text) : std::string();
}

void InstructionRules::expand_if(const std::optional<df::Word>& word) {
  if (word) (void)expand(*word);
}

void InstructionRules::apply(const df::Instruction&, const df::Run& run) {
  for (const df::Flag& flag : run.flags) {
    if (flag.name != "mount") continue;
    Mount mount = mount_fields(flag.value.value_or(""));
    for (auto& [key, value] : mount) value = expand({value, flag.range});
    note_mount(mount);
  }
}

void InstructionRules::note_mount(const Mount& mount) {
  const auto field = [&](std::string_view key) {
    const auto found = mount.find(key);
    return found == mount.end() ? std::string() : found->second;
  };
  const auto first_of = [&](std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
      if (auto value = field(key); !value.empty()) return value;
    }
    return std::string();
  };
  const std::string type = to_lower(field("type"));
  if (type != "secret" && type != "ssh") return;
  const bool secret = type == "secret";
  std::string id = secret ? first_of({"source", "src", "id"}) : field("id");
  if (id.empty())
    id = secret ? std::string(base_name(first_of({"target", "dst", "destination"}))) : "default";
  auto& mounts = secret ? facts_.secrets : facts_.ssh;
  if (std::ranges::any_of(mounts, [&](const MountFact& known) { return known.id == id; })) return;
  mounts.push_back({std::move(id), equals_ignoring_case(field("required"), "true"), place_.lines});
}

void InstructionRules::apply(const df::Instruction&, const df::Copy& copy) {
  expand_if(copy.chown);
  expand_if(copy.chmod);
  expand_if(copy.checksum);
  std::vector<std::pair<std::string, df::Range>> sources;
  for (const df::Word& word : copy.sources) sources.emplace_back(expand(word), word.range);
  (void)expand(copy.destination);
  for (const df::Heredoc& heredoc : copy.heredocs) {
    if (!heredoc.expand || failed_) continue;
    df::UsedNames used;
    const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
      const auto found = facts_.variables.find(name);
      if (found == facts_.variables.end()) return std::nullopt;
      return found->second;
    };
    if (!df::expand_heredoc(heredoc.file_content(), lookup, &used)) failed_ = true;
    report_undefined(used, heredoc.range);
  }
  if (failed_ || copy.from) return;
  for (const auto& [source, range] : sources) check_ignored(copy, source, range);
}

void InstructionRules::check_ignored(const df::Copy& copy, const std::string& source,
                                     df::Range range) {
  if (!ignore_ || is_remote(source)) return;
  const bool root = source == "." || source == "/";
  if (root ? !context_ignored_ : !is_ignored(*ignore_, source)) return;
  // An exception may leave something of a directory: only the files could tell.
  if (root ? has_exceptions_ : ignore_->may_contain_exceptions(df::clean_path(source))) return;
  report(Rule::copy_ignored_file,
         fmt::format("the ignore file leaves '{}' out of the context, so {} won't find it", source,
                     copy.is_add ? "ADD" : "COPY"),
         range);
}

void InstructionRules::check_legacy(const df::Instruction& instruction, const df::KeyValue& pair) {
  if (!pair.legacy) return;
  Finding finding{Rule::legacy_key_value_format,
                  fmt::format("write {} {}=… instead of {} {} …", instruction.keyword,
                              pair.key.text, instruction.keyword, pair.key.text),
                  place_.lines.first,
                  place_.lines.last,
                  place_.range,
                  {}};
  if (place_.own) {
    finding.range = pair.key.range;
    if (auto edit = with_equals(file_.source, pair, file_.directives.escape))
      finding.fix.push_back(std::move(*edit));
  }
  findings_.add(std::move(finding));
}

void InstructionRules::apply(const df::Instruction& instruction, const df::Env& env) {
  std::vector<std::pair<std::string, std::string>> values;
  for (const df::KeyValue& pair : env.pairs) {
    std::string key = expand(pair.key);
    values.emplace_back(std::move(key), expand(pair.value));
  }
  if (failed_) return;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto& [key, value] = values[i];
    check_legacy(instruction, env.pairs[i]);
    if (sounds_secret(key)) {
      report(Rule::secrets_used_in_arg_or_env,
             fmt::format("ENV {} looks like a secret, and stays in the image", key),
             env.pairs[i].key.range);
    }
    facts_.variables[key] = value;
  }
}

void InstructionRules::apply(const df::Instruction& instruction, const df::Label& label) {
  for (const df::KeyValue& pair : label.pairs) {
    (void)expand(pair.key);
    (void)expand(pair.value);
  }
  if (failed_) return;
  for (const df::KeyValue& pair : label.pairs) check_legacy(instruction, pair);
}

void InstructionRules::apply(const df::Instruction& instruction, const df::Arg& arg) {
  for (const df::KeyValue& pair : arg.pairs) {
    const std::string& name = pair.key.text;
    if (sounds_secret(name)) {
      report(Rule::secrets_used_in_arg_or_env,
             fmt::format("ARG {} looks like a secret, and stays in the image's history", name),
             pair.key.range);
    }
    ArgFact fact;
    fact.lines = place_.lines;
    fact.description = description_of(instruction.comments, name);
    std::optional<std::string> value;
    bool inherited = false;
    const auto given = request_.build.build_args.find(name);
    if (given != request_.build.build_args.end()) {
      value = given->second;
    } else if (pair.has_value) {
      value = expand(pair.value);
    } else if (const auto global = globals_.find(name); global != globals_.end()) {
      value = global->second;
      inherited = true;
    }
    if (failed_) return;
    if (value) facts_.variables[name] = fact.value = *value;
    if (!inherited) facts_.args[name] = std::move(fact);
    facts_.used_args.insert(name);
    facts_.declared_args.insert(name);
  }
}

void InstructionRules::apply(const df::Instruction&, const df::Workdir& workdir) {
  const std::string path = expand(workdir.path);
  if (failed_) return;
  if (!facts_.has_workdir && !path.starts_with('/')) {
    report(Rule::workdir_relative_path,
           fmt::format("'{}' is relative, and no WORKDIR before it is absolute", path),
           workdir.path.range);
  }
  facts_.has_workdir = true;
}

void InstructionRules::apply(const df::Instruction&, const df::User& user) {
  (void)expand(user.user);
}
void InstructionRules::apply(const df::Instruction&, const df::StopSignal& signal) {
  (void)expand(signal.signal);
}
void InstructionRules::apply(const df::Instruction&, const df::Maintainer&) {}

void InstructionRules::check_used_once(std::optional<Place>& earlier,
                                       const df::Instruction& instruction) {
  if (earlier) {
    // The earlier one is what has no effect.
    findings_.add({Rule::multiple_instructions_disallowed,
                   fmt::format("a later {} of this stage replaces this one", instruction.keyword),
                   earlier->lines.first,
                   earlier->lines.last,
                   earlier->range,
                   {}});
  }
  earlier = place_;
}

void InstructionRules::check_form(const df::Instruction& instruction,
                                  const df::CommandLine& command) {
  if (command.exec_form || facts_.has_shell) return;
  report(Rule::json_args_recommended,
         fmt::format("this {} runs in a shell, which does not pass signals on: write it as a JSON "
                     "array",
                     instruction.keyword));
}

void InstructionRules::apply(const df::Instruction& instruction, const df::Cmd& cmd) {
  check_used_once(cmd_, instruction);
  check_form(instruction, cmd.command);
}
void InstructionRules::apply(const df::Instruction& instruction, const df::Entrypoint& entry) {
  check_used_once(entrypoint_, instruction);
  check_form(instruction, entry.command);
}
void InstructionRules::apply(const df::Instruction& instruction, const df::Healthcheck&) {
  check_used_once(healthcheck_, instruction);
}

void InstructionRules::apply(const df::Instruction&, const df::Shell& shell) {
  facts_.has_shell = !shell.argv.empty();
}

void InstructionRules::apply(const df::Instruction&, const df::Expose& expose) {
  const auto lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = facts_.variables.find(name);
    if (found == facts_.variables.end()) return std::nullopt;
    return found->second;
  };
  for (const df::Word& word : expose.ports) {
    const auto ports = df::expand_words(word.text, lookup, file_.directives.escape);
    if (!ports) {
      failed_ = true;
      return;
    }
    for (const std::string& port : *ports) check_port(port, word);
  }
}

void InstructionRules::check_port(const std::string& port, const df::Word& word) {
  const auto colon = port.rfind(':');
  const std::string container = colon == std::string::npos ? port : port.substr(colon + 1);
  const auto [number, protocol] = split_once(container, '/');
  const std::string lower = to_lower(protocol.value_or("tcp"));
  if (lower != "tcp" && lower != "udp" && lower != "sctp") return;
  if (protocol && *protocol != lower) {
    Finding finding{Rule::expose_proto_casing,
                    fmt::format("the protocol of '{}' is not in lower case", port),
                    place_.lines.first,
                    place_.lines.last,
                    place_.own ? word.range : place_.range,
                    {}};
    if (place_.own && port == word.text && is_written_as(file_.source, word.range, word.text)) {
      const auto slash = word.text.size() - protocol->size();
      df::Range range = word.range;
      range.begin.column += static_cast<unsigned>(slash);
      finding.fix.push_back({range, lower});
    }
    findings_.add(std::move(finding));
  }
  if (colon != std::string::npos) {
    report(Rule::expose_invalid_format,
           fmt::format("'{}' has an address or a host port, which EXPOSE does not use", port),
           word.range);
  }
}

void InstructionRules::apply(const df::Instruction&, const df::Volume& volume) {
  for (const df::Word& path : volume.paths) (void)expand(path);
}
void InstructionRules::apply(const df::Instruction&, const df::Onbuild&) {}

}  // namespace kiln::lint
