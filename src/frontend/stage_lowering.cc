// SPDX-License-Identifier: Apache-2.0
#include "frontend/stage_lowering.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/strings.h"
#include "base/url.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"
#include "frontend/copy_paths.h"
#include "frontend/history_text.h"
#include "frontend/placed_error.h"
#include "frontend/ports.h"
#include "frontend/remote_sources.h"
#include "frontend/run_lowering.h"
#include "frontend/shown_text.h"
#include "frontend/step_names.h"
#include "llb/file_mode.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;

/// Other tools tell this form of created_by from the classic builder's by it.
const std::string kHistoryMark = " # buildkit";

/// Where an instruction stands: a trigger of the base image is quoted by its own text.
struct Place {
  df::Range range;
  bool is_trigger = false;
  std::string text;
};

class StageLowering {
 public:
  StageLowering(const df::Stage& stage, StageState state, StageContext context)
      : stage_(&stage),
        state_(std::move(state)),
        context_(std::move(context)),
        total_(count_steps(stage, state_)),
        index_(state_.begins_with_image ? 1 : 0) {}

  Result<StageState> run() {
    const std::vector<std::string> triggers = std::exchange(state_.config.config.on_build, {});
    for (const auto& text : triggers) TRY(run_trigger(text));
    std::vector<Error> errors;
    for (const auto& instruction : stage_->instructions) {
      place_ = {instruction.range, false, instruction.original};
      failed_at_.reset();
      auto lowered = lower(instruction);
      if (lowered) continue;
      errors.push_back(
          error_at(context_.file.source, instruction.range, lowered.error(), failed_at_));
      if (!can_go_on_after(instruction, lowered.error())) break;
    }
    if (!errors.empty()) return all_of(std::move(errors));
    return std::move(state_);
  }

 private:
  /// Whether errors of later instructions would be there without this one, too.
  static bool can_go_on_after(const df::Instruction& instruction, const Error& error) {
    return error.kind() == ErrorKind::invalid_input &&
           !std::holds_alternative<df::Arg>(instruction.value) &&
           !std::holds_alternative<df::Env>(instruction.value);
  }

  Result<void> run_trigger(const std::string& text) {
    place_ = {stage_->range, true, text};
    const auto in_trigger = [&](Error error) {
      return error_at(context_.file.source, stage_->range,
                      std::move(error).context("ONBUILD " + text));
    };
    auto instruction = df::parse_instruction(text, '\\');
    if (!instruction) return in_trigger(std::move(instruction).error());
    auto lowered = lower(*instruction);
    if (!lowered) return in_trigger(std::move(lowered).error());
    return {};
  }

  Result<void> lower(const df::Instruction& instruction) {
    return std::visit([&](const auto& value) { return lower_value(instruction, value); },
                      instruction.value);
  }

  // --- expansion

  Result<std::string> expand(const df::Word& word) {
    auto text = expand(word.text);
    if (!text) failed_at_ = word.range;
    return text;
  }
  Result<std::string> expand(const std::string& text) {
    return df::expand_word(text, lookup(), escape());
  }
  /// Of a path, which no kernel takes a NUL byte in.
  Result<std::string> expand_path(const df::Word& word) {
    std::string path = TRY(expand(word));
    if (path.find('\0') == std::string::npos) return path;
    failed_at_ = word.range;
    return invalid_input("the path holds a NUL byte");
  }
  df::Lookup lookup() const {
    return [this](std::string_view name) { return state_.variables.find(name); };
  }
  /// Of this file also in triggers, as in BuildKit, though their text is read with `\`.
  char escape() const { return context_.file.directives.escape; }

  // --- vertices

  llb::Origin origin(const df::Instruction& instruction) {
    llb::Origin out;
    const std::string shown =
        (place_.is_trigger ? "ONBUILD " : "") + shown_text(instruction, lookup(), escape());
    out.name = step_name(context_.label, ++index_, total_, redact_credentials(shown));
    out.instruction = redact_credentials(instruction.original);
    out.place = fmt::format("{}:{}", context_.label, index_);
    out.args = state_.arg_names;
    out.location = location();
    out.excerpt = quoted(place_.range);
    return out;
  }

  /// The instruction's lines, with a caret below a part of it.
  std::string quoted(df::Range focus) const {
    return redact_credentials(
        df::excerpt(context_.file.source, place_.range, place_.is_trigger ? place_.range : focus));
  }

  std::string location() const {
    return fmt::format("{}:{}", context_.file.source.name(), place_.range.begin.line);
  }

  void add_layer(llb::Vertex vertex, std::string created_by) {
    vertex.ignore_cache = context_.ignore_cache;
    state_.root = context_.graph.add(std::move(vertex));
    state_.history.push_back({std::move(created_by), state_.root});
  }
  void add_history(std::string created_by) {
    state_.history.push_back({std::move(created_by), std::nullopt});
  }

  // --- instructions

  Result<std::vector<std::string>> argv_of(const df::CommandLine& command,
                                           const std::string& script) {
    if (command.exec_form) return command.argv;
    std::vector<std::string> argv =
        state_.config.config.shell.value_or(std::vector<std::string>{"/bin/sh", "-c"});
    argv.push_back(script);
    return argv;
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Run& run) {
    llb::Origin from = origin(instruction);
    RunScope scope{state_,
                   context_,
                   [this](const std::string& text) { return expand(text); },
                   [this] { return build_context(); },
                   from,
                   [this](df::Range focus) { return quoted(focus); },
                   nullptr};
    scope.failed_at = &failed_at_;
    const auto shell =
        state_.config.config.shell.value_or(std::vector<std::string>{"/bin/sh", "-c"});
    LoweredRun lowered = TRY(lower_run(run, shell, scope));
    from.focused = std::move(lowered.focused);
    add_layer({std::move(lowered.op), std::move(lowered.inputs), std::move(from)},
              lowered.created_by + kHistoryMark);
    return {};
  }

  Result<std::string> expand_chmod(const std::optional<df::Word>& word) {
    if (!word) return std::string();
    const std::string text = TRY(expand(*word));
    failed_at_ = word->range;
    TRY(llb::check_mode(text));
    failed_at_.reset();
    return text;
  }

  Result<std::string> expand_if(const std::optional<df::Word>& word) {
    if (!word) return std::string();
    return expand(*word);
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Copy& copy) {
    RemoteFlags remote{copy.is_add, {}, copy.keep_git_dir, copy.unpack, copy.sources.size()};
    remote.checksum = TRY(expand_if(copy.checksum));
    if (copy.checksum && copy.sources.empty())
      return invalid_input("checksum requires HTTP(S) or Git sources");
    llb::FileOp op;
    op.mtime = context_.options.source_date_epoch;
    op.all_mtimes = context_.options.all_mtimes;
    const std::string chown = TRY(expand_if(copy.chown));
    const std::string chmod = TRY(expand_chmod(copy.chmod));
    const std::string destination = TRY(expand_path(copy.destination));
    const std::string target = absolute_destination(state_.config.config.working_dir, destination);
    std::vector<std::string> exclude;
    // These are taken as they are written: variables are not expanded in them.
    for (const auto& word : copy.exclude) exclude.push_back(word.text);
    std::string created_by = copy.is_add ? "ADD" : "COPY";
    if (copy.parents) created_by += " --parents";
    if (!chown.empty()) created_by += " --chown=" + chown;
    if (!chmod.empty()) created_by += " --chmod=" + chmod;
    // What needs to know of the image is copied into it, as if --link were not there.
    const bool links = copy.link && chmod.empty() && is_known_owner(chown);
    std::vector<llb::VertexId> inputs = {links ? scratch() : state_.root};
    std::optional<std::size_t> local_input;
    std::map<std::string, std::string> focused;
    for (const auto& word : copy.sources) {
      const std::string source = TRY(expand_path(word));
      created_by += " " + redact_credentials(source);
      llb::CopyAction action;
      failed_at_ = copy.checksum ? copy.checksum->range : word.range;
      auto fetched = TRY(remote_source(source, remote));
      failed_at_.reset();
      if (fetched) {
        action.source = inputs.size();
        inputs.push_back(fetched_input(instruction, word, source, std::move(fetched->op)));
        action.pattern = fetched->pattern;
        action.unpack = fetched->unpack;
      } else {
        if (!local_input) {
          const llb::VertexId tree = TRY(copy_source(copy));
          local_input = inputs.size();
          inputs.push_back(tree);
        }
        action.source = *local_input;
        if (copy.parents) {
          split_at_pivot(source, action);
        } else {
          action.pattern = df::clean_path("/" + source);
        }
        const std::string excerpt = quoted(word.range);
        for (const auto& path : named_paths(action)) focused[llb::absence_of(path)] = excerpt;
        action.unpack = copy.is_add && copy.unpack.value_or(true);
      }
      action.destination = target;
      action.chown = chown;
      action.chmod = chmod;
      action.exclude = exclude;
      op.actions.emplace_back(std::move(action));
    }
    for (const auto& heredoc : copy.heredocs) {
      llb::InlineFileAction action;
      action.name = heredoc.name;
      action.content = heredoc.file_content();
      if (heredoc.expand) action.content = TRY(df::expand_heredoc(action.content, lookup()));
      action.destination = target;
      action.chown = chown;
      action.chmod = chmod;
      created_by += " <<" + heredoc.name;
      op.actions.emplace_back(std::move(action));
    }
    created_by += " " + destination;
    llb::Vertex vertex{std::move(op), std::move(inputs), origin(instruction)};
    vertex.origin.focused = std::move(focused);
    if (links) {
      const llb::VertexId layer = context_.graph.add(std::move(vertex));
      vertex = {llb::MergeOp{}, {state_.root, layer}, {}};
    }
    add_layer(std::move(vertex), created_by + kHistoryMark);
    return {};
  }

  /// --link copies onto this.
  llb::VertexId scratch() { return context_.graph.add({llb::ImageSource{}, {}, {}}); }

  llb::VertexId fetched_input(const df::Instruction& instruction, const df::Word& word,
                              const std::string& source, llb::Op op) {
    llb::Origin from;
    from.name = (context_.label.empty() ? "" : "[" + context_.label + "] ") + "fetch " +
                redact_credentials(source);
    from.instruction = redact_credentials(instruction.original);
    from.location = location();
    from.excerpt = quoted(word.range);
    return context_.graph.add({std::move(op), {}, std::move(from)});
  }

  Result<llb::VertexId> copy_source(const df::Copy& copy) {
    if (!copy.from) return build_context();
    failed_at_ = copy.from->range;
    const llb::VertexId from = TRY(context_.resolve_from(*copy.from));
    failed_at_.reset();
    return from;
  }

  llb::VertexId build_context() {
    llb::Origin from;
    from.name = "[internal] load build context";
    return context_.graph.add(
        {llb::LocalSource{"context", context_.options.ignore}, {}, std::move(from)});
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Workdir& workdir) {
    const std::string path = TRY(expand_path(workdir.path));
    std::string& current = state_.config.config.working_dir;
    // An absolute path stands as it is written, as in BuildKit; a relative one is joined and
    // cleaned.
    current = path.starts_with('/') ? path : df::clean_path("/" + current + "/" + path);
    if (current == "/") {
      add_history("WORKDIR /");
      ++index_;
      return {};
    }
    llb::FileOp op;
    op.mtime = context_.options.source_date_epoch;
    op.all_mtimes = context_.options.all_mtimes;
    op.actions.emplace_back(llb::MkdirAction{current, 0755, state_.config.config.user});
    llb::Origin from = origin(instruction);
    add_layer({std::move(op), {state_.root}, std::move(from)}, "WORKDIR " + current);
    return {};
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Env& env) {
    (void)instruction;
    std::string created_by = "ENV";
    // All of an instruction's values see what was before it.
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const auto& pair : env.pairs) {
      std::string key = TRY(expand(pair.key));
      std::string value = TRY(expand(pair.value));
      pairs.emplace_back(std::move(key), std::move(value));
    }
    for (const auto& [key, value] : pairs) {
      state_.variables.set(key, value);
      oci::set_env(state_.config.config.env, key, value);
      created_by += " " + key + "=" + value;
    }
    add_history(std::move(created_by));
    return {};
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Label& label) {
    (void)instruction;
    std::string created_by = "LABEL";
    for (const auto& pair : label.pairs) {
      const std::string key = TRY(expand(pair.key));
      std::string value = TRY(expand(pair.value));
      created_by += " " + key + "=" + value;
      state_.config.config.labels[key] = std::move(value);
    }
    add_history(std::move(created_by));
    return {};
  }

  Result<void> lower_value(const df::Instruction& instruction, const df::Arg& arg) {
    (void)instruction;
    std::string created_by = "ARG";
    for (const auto& pair : arg.pairs) {
      // An argument's name, other than a variable's, is taken as it is written.
      const std::string& key = pair.key.text;
      std::optional<std::string> value;
      const auto given = context_.options.build_args.find(key);
      if (given != context_.options.build_args.end()) {
        value = given->second;
      } else if (pair.has_value) {
        value = TRY(expand(pair.value));
      } else {
        value = context_.globals.values.find(key);
      }
      created_by += " " + key;
      if (value) {
        created_by += "=" + *value;
        state_.variables.set(key, *value);
      }
      state_.arg_names.push_back(key);
    }
    add_history(std::move(created_by));
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::User& user) {
    state_.config.config.user = TRY(expand(user.user));
    add_history("USER " + state_.config.config.user);
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::StopSignal& signal) {
    failed_at_ = signal.signal.range;
    const std::string name = TRY(expand(signal.signal));
    if (!is_signal(name)) return invalid_input("invalid signal: " + name);
    state_.config.config.stop_signal = name;
    add_history("STOPSIGNAL " + name);
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Maintainer& maintainer) {
    state_.config.author = maintainer.name;
    add_history("MAINTAINER " + maintainer.name);
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Cmd& cmd) {
    std::vector<std::string> argv = TRY(argv_of(cmd.command, cmd.command.shell));
    add_history("CMD " + go_quoted_list(argv));
    state_.config.config.command = std::move(argv);
    state_.config.config.args_escaped = true;
    command_set_ = true;
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Entrypoint& entrypoint) {
    std::vector<std::string> argv = TRY(argv_of(entrypoint.command, entrypoint.command.shell));
    add_history("ENTRYPOINT " + go_quoted_list(argv));
    state_.config.config.entrypoint = std::move(argv);
    // A command of the base image was meant for the base image's entry point.
    if (!command_set_) state_.config.config.command.reset();
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Shell& shell) {
    state_.config.config.shell = shell.argv;
    add_history("SHELL " + go_list(shell.argv));
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Expose& expose) {
    std::vector<std::string> ports;
    for (const auto& word : expose.ports) {
      failed_at_ = word.range;
      const auto words = TRY(df::expand_words(word.text, lookup(), escape()));
      for (const auto& text : words) {
        const auto parsed = TRY(parse_ports(text));
        ports.insert(ports.end(), parsed.begin(), parsed.end());
      }
    }
    std::ranges::sort(ports);
    for (const auto& port : ports) state_.config.config.exposed_ports.insert(port);
    add_history("EXPOSE " + go_list(ports));
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Volume& volume) {
    std::vector<std::string> paths;
    for (const auto& word : volume.paths) {
      std::string path = TRY(expand(word));
      if (path.empty()) return invalid_input("VOLUME specified can not be an empty string");
      state_.config.config.volumes.insert(path);
      paths.push_back(std::move(path));
    }
    add_history("VOLUME " + go_list(paths));
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Healthcheck& check) {
    oci::Healthcheck out;
    if (check.none) {
      out.test = {"NONE"};
    } else if (check.command.exec_form) {
      out.test = check.command.argv;
      out.test.insert(out.test.begin(), "CMD");
    } else {
      out.test = {"CMD-SHELL", check.command.shell};
    }
    out.interval = check.interval.value_or(0);
    out.timeout = check.timeout.value_or(0);
    out.start_period = check.start_period.value_or(0);
    out.start_interval = check.start_interval.value_or(0);
    out.retries = check.retries.value_or(0);
    add_history(healthcheck_text(out));
    state_.config.config.healthcheck = std::move(out);
    return {};
  }

  Result<void> lower_value(const df::Instruction&, const df::Onbuild& onbuild) {
    state_.config.config.on_build.push_back(onbuild.text);
    return {};
  }

  const df::Stage* stage_;
  StageState state_;
  StageContext context_;
  std::size_t total_;
  std::size_t index_;
  Place place_;
  /// The word whose expansion failed.
  std::optional<df::Range> failed_at_;
  bool command_set_ = false;
};

}  // namespace

Result<StageState> lower_stage(const dockerfile::Stage& stage, StageState base,
                               StageContext context) {
  // Where a stage that this one is based on gave a name by both ENV and ARG, the first counts here.
  for (const auto& pair : base.config.config.env) {
    const auto [key, value] = split_once(pair, '=');
    base.variables.set(key, value.value_or(""));
  }
  return StageLowering(stage, std::move(base), std::move(context)).run();
}

}  // namespace kiln::frontend
