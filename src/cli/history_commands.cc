// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/event_log.h"
#include "cli/flags.h"
#include "cli/progress_display.h"
#include "cli/progress_json.h"
#include "cli/progress_plain.h"
#include "cli/progress_tty.h"
#include "cli/terminal.h"
#include "cli/time_text.h"
#include "format/table.h"
#include "format/tabwriter.h"
#include "format/template.h"
#include "format/units.h"
#include "os/fd.h"
#include "os/system.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

using nlohmann::json;
using store::BuildRecord;

constexpr int kNameWidth = 48;

std::string seconds_text(std::int64_t milliseconds) {
  return fmt::format("{:.1f}s", static_cast<double>(milliseconds) / 1000);
}

TimePoint later(const TimePoint& time, std::chrono::nanoseconds by) {
  const std::int64_t nanoseconds = time.nanoseconds + by.count() % 1'000'000'000;
  return {time.seconds + by.count() / 1'000'000'000 + nanoseconds / 1'000'000'000,
          static_cast<std::uint32_t>(nanoseconds % 1'000'000'000)};
}

TimePoint end_of(const BuildRecord& record) {
  return later(record.created, std::chrono::milliseconds(record.milliseconds));
}

std::string rfc3339(const TimePoint& time) {
  return format_rfc3339(time.seconds, time.nanoseconds);
}

/// How many steps a build had, and how many of them were cached.
struct StepCounts {
  std::size_t total = 0, completed = 0, cached = 0;
};
StepCounts count_steps(const json& details) {
  StepCounts out;
  for (const auto& step : details.value("steps", json::array())) {
    const std::string status = step.value("status", "");
    ++out.total;
    out.completed += status == "done" || status == "cached";
    out.cached += status == "cached";
  }
  return out;
}

const format::TableStyle kBuildsStyle = {
    "table {{.Ref}}\t{{.Name}}\t{{.Status}}\t{{.CreatedAt}}\t{{.Duration}}",
    "{{.Ref}}",
    {{"Ref", "BUILD ID"},
     {"Name", "NAME"},
     {"Status", "STATUS"},
     {"CreatedAt", "CREATED AT"},
     {"Duration", "DURATION"}}};

/// docker's `--filter status=error` and the like.
Result<bool> passes(const BuildRecord& record, const std::vector<std::string>& filters) {
  for (const auto& filter : filters) {
    auto [key, value] = split_once(filter, '=');
    const bool negated = key.ends_with('!');
    if (negated) key.remove_suffix(1);
    if (!value || (key != "status" && key != "ref" && key != "name"))
      return invalid_input("unsupported filter \"" + filter + "\"");
    const std::string actual = key == "status" ? to_lower(record.status)
                               : key == "ref"  ? record.id
                                               : record.name;
    if ((actual == *value) == negated) return false;
  }
  return true;
}

/// One JSON object a line, with docker's names.
Result<std::string> json_lines(const std::vector<BuildRecord>& records) {
  std::string out;
  for (const auto& record : records) {
    const json details = TRY(parse_json(record.details, "build " + record.id));
    const StepCounts counts = count_steps(details);
    out += dump_json({{"cached_steps", counts.cached},
                      {"completed_at", rfc3339(end_of(record))},
                      {"completed_steps", counts.completed},
                      {"created_at", rfc3339(record.created)},
                      {"name", record.name},
                      {"ref", record.id},
                      {"status", record.status},
                      {"total_steps", counts.total}}) +
           "\n";
  }
  return out;
}

std::string verdict(const json& step) {
  const std::string status = step.value("status", "");
  return status == "cached" ? "CACHED" : status == "done" ? "DONE" : to_upper(status);
}

nlohmann::ordered_json inspection(const BuildRecord& record, const json& details) {
  const StepCounts counts = count_steps(details);
  nlohmann::ordered_json out;
  out["Name"] = record.name;
  out["Ref"] = record.id;
  out["Context"] = details.value("context", "");
  out["Dockerfile"] = details.value("dockerfile", "");
  out["Target"] = details.value("target", "");
  out["StartedAt"] = rfc3339(record.created);
  out["CompletedAt"] = rfc3339(end_of(record));
  out["Duration"] = record.milliseconds * 1'000'000;
  out["Status"] = to_lower(record.status);
  if (details.contains("error")) out["Error"] = details["error"];
  out["NumCompletedSteps"] = counts.completed;
  out["NumTotalSteps"] = counts.total;
  out["NumCachedSteps"] = counts.cached;
  out["BuildArgs"] = details.value("buildArgs", json::array());
  out["Tags"] = details.value("tags", json::array());
  if (details.contains("image")) out["Image"] = details["image"];
  out["LogSize"] = record.log_size;
  out["Steps"] = details.value("steps", json::array());
  return out;
}

std::string pretty(const BuildRecord& record, const json& details, const std::string& command) {
  const StepCounts counts = count_steps(details);
  const auto harmless = [](const std::string& text) { return sanitize_line(text, Escapes::none); };
  std::string out = fmt::format(
      "Name:\t\t{}\nRef:\t\t{}\nContext:\t{}\nDockerfile:\t{}\n", harmless(record.name), record.id,
      harmless(details.value("context", "")), harmless(details.value("dockerfile", "")));
  const std::string target = details.value("target", "");
  if (!target.empty()) out += "Target:\t\t" + harmless(target) + "\n";
  std::string started = format_rfc3339(record.created.seconds);
  std::ranges::replace(started, 'T', ' ');
  started.pop_back();
  out += fmt::format("\nStarted:\t{}\nDuration:\t{}\nStatus:\t\t{}\n", started,
                     seconds_text(record.milliseconds), record.status);
  out += fmt::format("Build Steps:\t{}/{} ({}% cached)\n", counts.completed, counts.total,
                     counts.total == 0 ? 0 : counts.cached * 100 / counts.total);
  if (details.contains("image")) out += "Image:\t\t" + details.value("image", "") + "\n";
  if (details.contains("error")) out += "\nError:\n" + details.value("error", "") + "\n";
  out += "\nSTEP\tTIME\tSIZE\tVERDICT\n";
  for (const auto& step : details.value("steps", json::array())) {
    const std::string size =
        step.contains("size") ? format::human_size(step.value("size", 0.0)) : "-";
    std::string why;
    if (step.contains("reason")) why = " (" + harmless(step["reason"].value("summary", "")) + ")";
    out += fmt::format("{}\t{}\t{}\t{}{}\n", harmless(step.value("name", "")),
                       seconds_text(step.value("milliseconds", std::int64_t{0})), size,
                       verdict(step), why);
  }
  return format::align_columns(out) + "\nPrint build logs: " + command + " logs " + record.id +
         "\n";
}

/// Flags of docker that change nothing here.
struct AcceptedFlags {
  std::string builder;
  bool debug = false;

  FlagSet& add_to(FlagSet& set) {
    return set.option("--builder", builder, "accepted: there is one")
        .flag("-D,--debug", debug, "accepted: there is no more to say");
  }
};

/// On standard output, with the times of the build.
Result<void> show_log(const BuildRecord& record, const std::string& log, ProgressMode mode) {
  std::chrono::nanoseconds now{};
  bool written = true;
  const TextSink sink = [&](std::string_view text) { written = print(text).ok() && written; };
  const SteadyClock clock = [&] {
    return SteadyTime(std::chrono::duration_cast<SteadyTime::duration>(now));
  };
  std::unique_ptr<solver::Progress> display;
  if (mode == ProgressMode::tty) {
    const os::Fd out = TRY(os::standard_output());
    if (!os::is_terminal(out))
      return invalid_input("progress mode tty needs a terminal to write to");
    display = std::make_unique<TtyProgress>(
        TtyProgress::Options{.sink = sink,
                             .size = [size = view_size(out)] { return size; },
                             .clock = clock,
                             .waker = Waker::none});
  } else if (mode == ProgressMode::raw_json) {
    display = std::make_unique<JsonProgress>(
        JsonProgress::Options{sink, [&] { return later(record.created, now); }});
  } else if (mode != ProgressMode::quiet) {
    display = std::make_unique<PlainProgress>(
        PlainProgress::Options{.sink = sink, .clock = clock, .waker = Waker::none});
  }
  replay_log(log, [&](const solver::ProgressEvent& event, std::chrono::nanoseconds time) {
    now = time;
    if (display) display->report(event);
  });
  display.reset();
  if (!written) return Error(ErrorKind::system, "write to standard output failed");
  return {};
}

}  // namespace

Result<int> list_builds_command(const Session& session, std::vector<std::string> words) {
  std::vector<std::string> filters;
  std::string format;
  bool no_trunc = false, local = false, quiet = false;
  AcceptedFlags accepted;
  FlagSet set(session.command, "[OPTIONS]", "List build records");
  accepted.add_to(set)
      .list("--filter", filters, "status=completed, status=error, ref=ID, name=NAME; != too")
      .option("--format", format, "table, json or a Go template")
      .flag("--local", local, "accepted: all are this machine's")
      .flag("--no-trunc", no_trunc, "print names in full")
      .flag("-q,--quiet", quiet, "IDs alone")
      .arguments(0, 0);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::index));
  std::vector<BuildRecord> records;
  const std::vector<BuildRecord> all = TRY(store.builds().list());
  for (const auto& record : all) {
    const bool wanted = TRY(passes(record, filters));
    if (wanted) records.push_back(record);
  }
  if (format == "json") {
    const std::string lines = TRY(json_lines(records));
    TRY(print(lines));
    return 0;
  }
  std::vector<json> rows;
  for (const auto& record : records) {
    const std::string name = sanitize_line(record.name, Escapes::none);
    rows.push_back({{"Ref", record.id},
                    {"Name", no_trunc ? name : format::ellipsis(name, kNameWidth)},
                    {"Status", record.status},
                    {"CreatedAt", ago_text(record.created.seconds)},
                    {"Duration", seconds_text(record.milliseconds)}});
  }
  const std::string out = TRY(format::render_rows(format, kBuildsStyle, rows,
                                                  quiet ? format::Quiet::yes : format::Quiet::no));
  TRY(print(out));
  return 0;
}

Result<int> inspect_build_command(const Session& session, std::vector<std::string> words) {
  std::string format;
  AcceptedFlags accepted;
  FlagSet set(session.command, "[OPTIONS] [REF]", "Inspect a build record");
  accepted.add_to(set).option("--format", format, "pretty, json or a Go template").arguments(0, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::index));
  const BuildRecord record =
      TRY(store.builds().get(parsed.arguments.empty() ? "" : parsed.arguments.front()));
  const json details = TRY(parse_json(record.details, "build " + record.id));
  if (format.empty() || format == "pretty") {
    const std::string group = session.command.substr(0, session.command.find_last_of(' '));
    TRY(print(pretty(record, details, group)));
    return 0;
  }
  const nlohmann::ordered_json object = inspection(record, details);
  if (format == "json") {
    TRY(print(indented_json(object)));
    return 0;
  }
  const std::string out = TRY(format::render_inspection(format, {object}));
  TRY(print(out));
  return 0;
}

Result<int> build_logs_command(const Session& session, std::vector<std::string> words) {
  std::string progress = "plain";
  AcceptedFlags accepted;
  FlagSet set(session.command, "[OPTIONS] [REF]", "Print the log of a build");
  accepted.add_to(set)
      .option("--progress", progress, "plain, rawjson, or tty on a terminal")
      .arguments(0, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const auto mode = parse_progress_mode(progress);
  if (!mode) return invalid_input("invalid progress mode: " + progress);
  store::Store store = TRY(session.open_store(Access::index));
  const BuildRecord record =
      TRY(store.builds().get(parsed.arguments.empty() ? "" : parsed.arguments.front()));
  const std::string log = TRY(store.builds().log(record));
  TRY(show_log(record, log, *mode));
  return 0;
}

Result<int> remove_builds_command(const Session& session, std::vector<std::string> words) {
  bool all = false;
  AcceptedFlags accepted;
  FlagSet set(session.command, "[OPTIONS] [REF...]", "Remove build records");
  accepted.add_to(set.flag("--all", all, "all of them")).arguments(0, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (all && !parsed.arguments.empty())
    return invalid_input("cannot specify refs when using --all");
  if (!all && parsed.arguments.empty()) return invalid_input("must specify at least one ref");
  store::Store store = TRY(session.open_store(Access::index));
  if (all) {
    const std::vector<BuildRecord> records = TRY(store.builds().list());
    for (const auto& record : records) TRY(store.builds().remove(record));
    return 0;
  }
  int code = 0;
  for (const auto& reference : parsed.arguments) {
    const auto record = store.builds().get(reference);
    if (!record) {
      print_error("kiln: " + record.error().message());
      code = 1;
      continue;
    }
    TRY(store.builds().remove(*record));
  }
  return code;
}

}  // namespace kiln::cli
