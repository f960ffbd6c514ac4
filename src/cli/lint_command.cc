// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "cli/build_call.h"
#include "cli/build_flags.h"
#include "cli/commands.h"
#include "cli/dockerfile_input.h"
#include "cli/flags.h"
#include "cli/store_images.h"
#include "cli/version.h"
#include "lint/fix.h"
#include "lint/report.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

struct LintFlags {
  std::vector<std::string> build_args;
  std::string file, format = "text", target;
  bool fix = false, dry_run = false;
};

FlagSet lint_flag_set(const Session& session, LintFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] [CONTEXT|DOCKERFILE]",
              "Say what may be wrong with a Dockerfile, and mend what can be");
  set.list("--build-arg", flags.build_args, "value of a build argument, as build takes it")
      .flag("--dry-run", flags.dry_run, "with --fix: print a diff and write nothing")
      .option("-f,--file", flags.file,
              "the Dockerfile (default CONTEXT/Dockerfile; - is standard "
              "input, and --fix then writes to standard output)")
      .flag("--fix", flags.fix, "mend the findings that need no decision")
      .option("--format", flags.format, "text, json or sarif")
      .option("--target", flags.target, "look at what this stage needs alone")
      .arguments(0, 1);
  return set;
}

Result<void> write_fixed(const std::string& path, const std::string& text) {
  // A link stays a link: what it leads to is replaced.
  const std::string real = TRY(os::canonical_path(path));
  const os::Fd old = TRY(os::open_for_reading(real));
  const os::FileInfo info = TRY(os::file_info(old, real));
  return os::write_file_atomically(real, text, info.permissions);
}

Result<lint::FixedText> fix(const LintFlags& flags, const DockerfileInput& input,
                            const lint::LintRequest& request) {
  auto fixed = TRY(lint::fix(input.name, input.text, request));
  if (flags.dry_run) {
    TRY(print(lint::unified_diff(input.path, input.text, fixed.text)));
  } else if (flags.file == "-") {
    TRY(print(fixed.text));
  } else if (fixed.text != input.text) {
    TRY(write_fixed(input.path, fixed.text));
  }
  return fixed;
}

Result<int> print_report(const LintFlags& flags, const lint::Report& report,
                         const std::string& path) {
  if (flags.format == "json") {
    TRY(print(lint::check_json(report)));
  } else if (flags.format == "sarif") {
    TRY(print(lint::sarif(report, path, kVersion)));
  } else {
    TRY(print(lint::lint_text(report, path)));
  }
  if (report.error != nullptr) return *report.error;
  const bool warned = std::ranges::any_of(report.findings, [](const lint::Finding& finding) {
    return lint::rule_info(finding.rule).level == lint::Level::warning;
  });
  return warned ? 1 : 0;
}

/// Base images are looked up in a store that is there, and not asked for otherwise.
Result<std::optional<store::Store>> open_store_if_there(const Session& session) {
  std::string root = session.root;
  if (root.empty()) root = TRY(default_store_root());
  if (!os::path_exists(root)) return std::optional<store::Store>();
  auto store = session.open_store(Access::index);
  if (!store) return std::optional<store::Store>();
  return std::optional(*std::move(store));
}

}  // namespace

Result<int> lint_command(const Session& session, std::vector<std::string> words) {
  LintFlags flags;
  FlagSet set = lint_flag_set(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (flags.format != "text" && flags.format != "json" && flags.format != "sarif")
    return invalid_input("invalid format: " + flags.format + " (one of text, json, sarif)");
  if (flags.dry_run && !flags.fix) return invalid_input("--dry-run is of use with --fix alone");
  std::filesystem::path context = parsed.arguments.empty() ? "." : parsed.arguments.front();
  std::error_code none;
  if (flags.file.empty() && std::filesystem::is_regular_file(context, none)) {
    flags.file = context;
    context = context.has_parent_path() ? context.parent_path() : ".";
  }
  const DockerfileInput input = TRY(read_dockerfile(context, flags.file));
  const dockerfile::Source source(input.name, input.text);

  BuildFlags build;
  build.build_args = flags.build_args;
  build.target = flags.target;
  lint::LintRequest request;
  request.build = TRY(build_options(build));
  request.build.ignore = input.ignore;
  request.options = TRY(lint::check_options_of(source, request.build.build_args));
  auto store = TRY(open_store_if_there(session));
  std::optional<StoreImages> images;
  if (store) request.images = &images.emplace(*store);

  const auto file = dockerfile::parse(input.name, input.text);
  if (!file) {
    const unsigned line = lint::error_line(source, file.error()).value_or(1);
    return print_report(
        flags, {source, lint::lint_before_error(source, line, request), &file.error()}, input.path);
  }
  if (!flags.fix) return print_report(flags, {source, lint::lint(*file, request)}, input.path);

  const auto fixed = TRY(fix(flags, input, request));
  if (!flags.dry_run && flags.file != "-") {
    const auto after = TRY(dockerfile::parse(input.name, fixed.text));
    const int code =
        TRY(print_report(flags, {after.source, lint::lint(after, request)}, input.path));
    if (fixed.count > 0 && flags.format == "text")
      print_error(fmt::format("{}: {} finding{} mended", input.path, fixed.count,
                              fixed.count == 1 ? "" : "s"));
    return code;
  }
  return 0;
}

}  // namespace kiln::cli
