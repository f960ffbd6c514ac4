// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "dockerfile/source.h"

namespace kiln::dockerfile {

/// An inline file: `<<NAME`, then lines up to one that is NAME.
struct Heredoc {
  std::string name;
  /// The lines as written, each with its line end; see chomp_leading_tabs() for `chomp`.
  std::string content;
  /// Variables in it are expanded (COPY and ADD only): no part of the name was quoted.
  bool expand = true;
  /// Written `<<-NAME`: tabs at the start of its lines do not count.
  bool chomp = false;
  /// The word `<<NAME`.
  Range range;
  /// The line number of the content's first line.
  unsigned content_line = 0;

  /// What a file made of it holds, before variables are expanded.
  std::string file_content() const;
};

/// `--name=value` or `--name`; quotes are already gone from the value, variables are not expanded.
struct Flag {
  std::string name;
  std::optional<std::string> value;
  Range range;
};

/// Where a flag's value stands; nullopt if it isn't written as it is read: quotes, another line.
std::optional<Range> value_range(const Flag& flag);

struct CommandLine {
  /// A JSON array of strings was given: `argv`, run without a shell. Else `shell` has the text.
  bool exec_form = false;
  std::vector<std::string> argv;
  /// Continuation lines joined; empty if nothing was given.
  std::string shell;
  Range range;
};

struct From {
  Word image;
  std::optional<Word> platform;
  /// Stage name in lower case.
  std::optional<Word> name;
};

struct Run {
  CommandLine command;
  std::vector<Heredoc> heredocs;
  /// mount and device (each may be repeated), network, security: checked as far as their values
  /// have no variables.
  std::vector<Flag> flags;
  /// The command is one heredoc and nothing else: its file_content() is the script to run.
  bool heredoc_only = false;
};

struct Copy {
  bool is_add = false;
  /// Paths, patterns and, for ADD, addresses. BuildKit copies these first, then the heredocs.
  std::vector<Word> sources;
  Word destination;
  /// Sources of the form `<<NAME`, in their order.
  std::vector<Heredoc> heredocs;
  std::optional<Word> from, chown, chmod, checksum;
  bool link = false;
  bool parents = false;
  std::vector<Word> exclude;
  std::optional<bool> unpack, keep_git_dir;
};

struct KeyValue {
  Word key;
  /// Raw, with its quotes: expansion takes them away.
  Word value;
  /// False only in `ARG name`.
  bool has_value = true;
  /// Written `ENV key value`.
  bool legacy = false;
};

struct Env {
  std::vector<KeyValue> pairs;
};
struct Label {
  std::vector<KeyValue> pairs;
};
struct Arg {
  std::vector<KeyValue> pairs;
};
struct Workdir {
  Word path;
};
struct User {
  Word user;
};
struct StopSignal {
  Word signal;
};
struct Maintainer {
  std::string name;
};
struct Cmd {
  CommandLine command;
};
struct Entrypoint {
  CommandLine command;
};
struct Shell {
  std::vector<std::string> argv;
};
struct Expose {
  /// In the order written; each may expand to several words.
  std::vector<Word> ports;
};
struct Volume {
  std::vector<Word> paths;
};

/// Times in nanoseconds. What is absent, or was given as 0, is inherited or the runtime's default.
struct Healthcheck {
  /// HEALTHCHECK NONE.
  bool none = false;
  CommandLine command;
  std::optional<std::int64_t> interval, timeout, start_period, start_interval;
  std::optional<unsigned> retries;
};

struct Instruction;

struct Onbuild {
  /// The trigger as the image's config stores it, heredocs included.
  std::string text;
  /// Null if `text` is no valid instruction: that fails only builds that use the image.
  std::shared_ptr<const Instruction> trigger;
  Range range;
};

using InstructionValue =
    std::variant<Run, Copy, Env, Label, Arg, Workdir, User, StopSignal, Maintainer, Cmd, Entrypoint,
                 Shell, Expose, Volume, Healthcheck, Onbuild>;

struct Instruction {
  InstructionValue value;
  /// From the keyword's line to the last line, heredocs included.
  Range range;
  /// Upper case.
  std::string keyword;
  /// The text with continuation lines joined, as progress output shows it: `COPY a b`.
  std::string original;
  /// Comment lines right above it, without `#` and blanks.
  std::vector<std::string> comments;
};

/// FROM and what follows it.
struct Stage {
  From from;
  /// The FROM instruction.
  Range range;
  std::string original;
  std::vector<std::string> comments;
  std::vector<Instruction> instructions;
  /// Empty if it has none.
  std::string name;
};

}  // namespace kiln::dockerfile
