// SPDX-License-Identifier: Apache-2.0
#include "lint/advice_rules.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "base/paths.h"
#include "base/strings.h"
#include "dockerfile/csv.h"
#include "dockerfile/ignore.h"
#include "lint/variable_names.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;
using Words = std::vector<std::string>;

/// A package manager's command, and where it keeps what it downloads.
struct Installer {
  std::string_view program;
  std::string_view verb;
  std::string_view cache;
  /// More of the mount than its target.
  std::string_view mount = "";
};
constexpr Installer kInstallers[] = {
    {"apt-get", "install", "/var/cache/apt", ",sharing=locked"},
    {"apt", "install", "/var/cache/apt", ",sharing=locked"},
    {"dnf", "install", "/var/cache/dnf", ",sharing=locked"},
    {"npm", "ci", "/root/.npm"},
    {"npm", "install", "/root/.npm"},
    {"yarn", "install", "/usr/local/share/.cache/yarn"},
    {"pnpm", "install", "/root/.local/share/pnpm/store"},
    {"pip", "install", "/root/.cache/pip"},
    {"pip3", "install", "/root/.cache/pip"},
    {"poetry", "install", "/root/.cache/pypoetry"},
    {"go", "build", "/root/.cache/go-build"},
    {"go", "mod", "/go/pkg/mod"},
    {"cargo", "build", "/usr/local/cargo/registry"},
    {"composer", "install", "/root/.composer/cache"},
    {"bundle", "install", "/usr/local/bundle/cache"},
};

/// The first word after the program that is no option.
std::string verb_of(const Words& command) {
  for (std::size_t i = 1; i < command.size(); ++i) {
    if (!command[i].starts_with('-')) return command[i];
  }
  return {};
}

const Installer* find_installer(const Words& command) {
  if (command.empty()) return nullptr;
  Words words = command;
  // python -m pip install
  if (base_name(words[0]).starts_with("python") && words.size() > 2 && words[1] == "-m")
    words.erase(words.begin(), words.begin() + 2);
  for (const Installer& installer : kInstallers) {
    if (base_name(words[0]) == installer.program && verb_of(words) == installer.verb)
      return &installer;
  }
  return nullptr;
}

bool is_apt(const Words& command, std::string_view verb) {
  if (command.empty()) return false;
  const auto program = base_name(command[0]);
  return (program == "apt-get" || program == "apt") && verb_of(command) == verb;
}

bool is_within(std::string_view path, std::string_view directory) {
  if (directory == "/") return true;
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

std::string cleaned(std::string_view path) {
  std::string out(path);
  while (out.size() > 1 && out.ends_with('/')) out.pop_back();
  return out;
}

bool is_remote_or_archive(std::string_view source) {
  for (const std::string_view end : {".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz",
                                     ".txz", ".tar.zst", ".gz", ".xz", ".bz2"}) {
    if (source.ends_with(end)) return true;
  }
  return source.find("://") != std::string_view::npos || source.starts_with("git@") ||
         source.find_first_of("$*?[") != std::string_view::npos || source.ends_with(".git");
}

bool sets_pipefail(const Words& command) {
  return std::ranges::find(command, "pipefail") != command.end();
}

/// What follows `name=`, `name:` or stands after `name` in the next word.
std::optional<std::string> option_value(const Words& words, std::size_t i,
                                        std::string_view option) {
  const std::string& word = words[i];
  if (word == option) return i + 1 < words.size() ? std::optional(words[i + 1]) : std::nullopt;
  if (word.starts_with(option) && word.size() > option.size() && word[option.size()] == '=')
    return word.substr(option.size() + 1);
  return std::nullopt;
}

/// A value that is written out, and not taken from a variable or a file.
bool is_literal(std::string_view value) {
  return !value.empty() && value.find('$') == std::string_view::npos &&
         value.find("/run/secrets") == std::string_view::npos && value != "-" &&
         !value.starts_with('@') && !value.starts_with('<');
}

/// user:password@ in an address.
bool has_credentials(std::string_view word) {
  const auto scheme = word.find("://");
  if (scheme == std::string_view::npos) return false;
  const auto rest = word.substr(scheme + 3);
  const auto host = rest.substr(0, rest.find('/'));
  const auto at = host.rfind('@');
  const auto colon = host.find(':');
  return at != std::string_view::npos && colon < at &&
         is_literal(host.substr(colon + 1, at - colon - 1));
}

/// Tokens that say by their start what they are.
bool is_known_token(std::string_view word) {
  constexpr std::size_t kShortest = 20;
  for (const std::string_view start :
       {"AKIA", "ghp_", "gho_", "ghs_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_"}) {
    const auto at = word.find(start);
    if (at != std::string_view::npos && word.size() - at >= kShortest) return true;
  }
  return false;
}

/// What a command makes or changes, as far as its words tell.
std::vector<std::string> written_paths(const ShellCommand& command) {
  std::vector<std::string> out;
  const Words words = command.command();
  for (std::size_t i = 0; i < words.size(); ++i) {
    const auto arrow = words[i].find_last_of('>');
    if (arrow == std::string::npos) continue;
    const std::string target = words[i].substr(arrow + 1);
    out.push_back(target.empty() && i + 1 < words.size() ? words[i + 1] : target);
  }
  if (words.size() < 2) return out;
  const auto program = base_name(words[0]);
  for (const std::string_view writer : {"mkdir", "touch", "chown", "chmod", "tee", "rm"}) {
    if (program == writer) out.insert(out.end(), words.begin() + 1, words.end());
  }
  for (const std::string_view writer : {"cp", "mv", "ln", "install"}) {
    if (program == writer) out.push_back(words.back());
  }
  return out;
}

std::string mount_line(const Installer& installer) {
  return fmt::format("--mount=type=cache,target={}{}", installer.cache, installer.mount);
}

}  // namespace

void StageAdvice::report(Rule rule, std::string detail, df::Range range) {
  const SourceLine& line = view_.line_of(instruction_->range);
  if (range == df::Range()) range = line.text.range();
  findings_.add({rule, std::move(detail), line.first, line.last, range, {}});
}

void StageAdvice::look_at(const df::Instruction& instruction) {
  instruction_ = &instruction;
  if (const auto* copy = std::get_if<df::Copy>(&instruction.value)) look_at_copy(*copy);
  if (const auto* run = std::get_if<df::Run>(&instruction.value)) look_at_run(*run);
  if (const auto* shell = std::get_if<df::Shell>(&instruction.value))
    pipefail_ = sets_pipefail(shell->argv);
  if (const auto* volume = std::get_if<df::Volume>(&instruction.value)) {
    for (const df::Word& path : volume->paths) volumes_.push_back(cleaned(path.text));
  }
}

void StageAdvice::look_at_copy(const df::Copy& copy) {
  check_volume_write(copy.destination.text);
  copied_to_.push_back(cleaned(copy.destination.text));
  if (!copy.from) {
    for (const df::Word& source : copy.sources) {
      if (source.text == "." || source.text == "./" || source.text == "/")
        context_copy_ = instruction_;
    }
  }
  const bool plain = copy.is_add && !copy.checksum && !copy.unpack && !copy.keep_git_dir;
  if (plain && !copy.sources.empty() && std::ranges::none_of(copy.sources, [](const df::Word& w) {
        return is_remote_or_archive(w.text);
      })) {
    report(Rule::add_instead_of_copy,
           fmt::format("{} is neither an archive nor an address: COPY says so",
                       copy.sources.front().text),
           copy.sources.front().range);
  }
}

bool StageAdvice::mounts(const df::Run& run, std::string_view below) const {
  for (const df::Flag& flag : run.flags) {
    if (flag.name != "mount") continue;
    const auto fields = df::csv_fields(flag.value.value_or(""));
    if (!fields) continue;
    for (const std::string& field : *fields) {
      const auto [key, value] = split_once(field, '=');
      if ((key == "target" || key == "dst" || key == "destination") && value &&
          (is_within(cleaned(*value), below) || is_within(below, cleaned(*value))))
        return true;
    }
  }
  return false;
}

void StageAdvice::look_at_run(const df::Run& run) {
  const auto commands = commands_of(run);
  check_apt(run, commands);
  check_installs(run, commands);
  if (!run.command.exec_form) check_pipes(commands);
  check_cd(commands);
  for (const ShellCommand& command : commands) {
    check_modes(command.command());
    check_secrets(command);
    for (const std::string& path : written_paths(command)) check_volume_write(path);
  }
}

void StageAdvice::check_apt(const df::Run& run, const std::vector<ShellCommand>& commands) {
  bool updates = false;
  bool installs = false;
  bool cleans = mounts(run, "/var/lib/apt");
  for (const ShellCommand& shell_command : commands) {
    const Words command = shell_command.command();
    updates |= is_apt(command, "update");
    installs |= is_apt(command, "install");
    cleans |= !command.empty() && base_name(command[0]) == "rm" &&
              std::ranges::any_of(command, [](const std::string& word) {
                return word.find("/var/lib/apt/lists") != std::string::npos;
              });
  }
  if (updates && !installs) {
    report(Rule::apt_update_with_install,
           "apt-get update alone is cached: a later install works with old lists");
  } else if (installs && !updates) {
    report(Rule::apt_update_with_install,
           "apt-get install without an update in the same RUN works with the lists of some "
           "earlier day, or with none");
  }
  if (updates && !cleans) {
    report(Rule::apt_lists_left,
           "the package lists stay in the layer: end with rm -rf /var/lib/apt/lists/*");
  }
}

void StageAdvice::check_installs(const df::Run& run, const std::vector<ShellCommand>& commands) {
  const Installer* found = nullptr;
  for (const ShellCommand& command : commands) {
    if (found == nullptr) found = find_installer(command.command());
  }
  if (found == nullptr) return;
  // What builds from the sources needs them; what installs packages needs a list of them at most.
  if (context_copy_ != nullptr && found->verb != "build") {
    report(Rule::context_before_install,
           fmt::format("after any edit {} {} runs again, as line {} copied the whole context: copy "
                       "the list of packages first, the rest later",
                       found->program, found->verb, context_copy_->range.begin.line));
  }
  if (!mounts(run, found->cache)) {
    report(Rule::cache_mount_missing,
           fmt::format("what {} downloads is fetched anew each time this runs: RUN {} keeps it",
                       found->program, mount_line(*found)));
  }
}

void StageAdvice::check_modes(const Words& command) {
  if (command.size() < 3) return;
  const auto program = base_name(command[0]);
  if (program != "chown" && program != "chmod") return;
  const bool recursive = std::ranges::any_of(command, [](const std::string& word) {
    return word == "--recursive" || (word.starts_with('-') && !word.starts_with("--") &&
                                     word.find('R') != std::string::npos);
  });
  if (!recursive) return;
  const std::string path = cleaned(command.back());
  for (const std::string& copied : copied_to_) {
    if (!is_within(copied, path) && !is_within(path, copied)) continue;
    report(Rule::recursive_mode_change,
           fmt::format("{} -R {} stores all of it once more: COPY --{}=… sets it at once", program,
                       path, program));
    return;
  }
}

void StageAdvice::check_pipes(const std::vector<ShellCommand>& commands) {
  if (pipefail_) return;
  for (const ShellCommand& shell_command : commands) {
    const Words command = shell_command.command();
    if (sets_pipefail(command)) return;
    if (command.empty() || !shell_command.piped) continue;
    const auto program = base_name(command[0]);
    if (program != "curl" && program != "wget") continue;
    report(Rule::download_without_pipefail,
           fmt::format("when {} fails, the step goes on with what came so far: set -o pipefail "
                       "first, in a shell that has it",
                       program));
    return;
  }
}

void StageAdvice::check_secrets(const ShellCommand& command) {
  const Words& words = command.words;
  const auto found = [&](std::string_view what) {
    report(Rule::secret_in_run,
           fmt::format("{} in a command stays in the image's history: give it by "
                       "--mount=type=secret",
                       what));
  };
  for (std::size_t i = 0; i < words.size(); ++i) {
    for (const std::string_view option :
         {"--password", "--passwd", "--token", "--secret", "--api-key", "--http-password"}) {
      const auto value = option_value(words, i, option);
      if (value && is_literal(*value)) return found(option);
    }
    const auto [name, value] = split_once(words[i], '=');
    const bool exported = i == 0 || words[0] == "export" || words[0] == "env";
    if (value && exported && sounds_secret(name) && is_literal(*value)) return found(name);
    const std::string lower = to_lower(words[i]);
    for (const std::string_view header : {"authorization: bearer ", "authorization: basic "}) {
      if (lower.starts_with(header) && is_literal(words[i].substr(header.size())))
        return found("an Authorization header");
    }
    if (has_credentials(words[i])) return found("a password in an address");
    if (is_known_token(words[i])) return found("a token");
  }
}

void StageAdvice::check_cd(const std::vector<ShellCommand>& commands) {
  if (commands.empty()) return;
  const Words last = commands.back().command();
  if (last.empty() || last[0] != "cd") return;
  report(Rule::useless_cd,
         fmt::format("{} has no effect on what follows: the next instruction starts in WORKDIR "
                     "again",
                     join(last, " ")));
}

void StageAdvice::check_volume_write(std::string_view path) {
  if (!path.starts_with('/')) return;
  for (const std::string& volume : volumes_) {
    if (!is_within(cleaned(path), volume)) continue;
    report(Rule::write_after_volume,
           fmt::format("{} is declared a volume above: some builders, and podman's, drop what is "
                       "written there later",
                       volume));
    return;
  }
}

}  // namespace kiln::lint
