// SPDX-License-Identifier: Apache-2.0
#include "cli/build_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/terminal.h"

namespace kiln::cli {
namespace {

using json = nlohmann::ordered_json;
using solver::MissReason;
using solver::StepForecast;
using solver::StepOutcome;

std::string seconds_text(std::int64_t milliseconds) {
  if (milliseconds < 0) return "?";
  return fmt::format("{:.1f}s", static_cast<double>(milliseconds) / 1000);
}

/// Names come from a Dockerfile and file names from anywhere.
std::string harmless(const std::string& text) { return sanitize_line(text, Escapes::none); }

bool is_step(const llb::Graph& graph, solver::StepId id) {
  return id < graph.size() && llb::is_step(graph.vertex(id).op);
}

std::string outcome_word(StepOutcome outcome) {
  switch (outcome) {
    case StepOutcome::done:
      return "run";
    case StepOutcome::cached:
      return "hit";
    case StepOutcome::failed:
      return "failed";
    case StepOutcome::cancelled:
      return "canceled";
  }
  return {};
}

std::string verdict_word(StepForecast::Verdict verdict) {
  switch (verdict) {
    case StepForecast::Verdict::hit:
      return "hit";
    case StepForecast::Verdict::run:
      return "run";
    case StepForecast::Verdict::depends:
      return "depends";
  }
  return {};
}

json step_json(const llb::Graph& graph, llb::VertexId id, const std::string& verdict) {
  const llb::Origin& origin = graph.vertex(id).origin;
  return {{"name", origin.name},
          {"instruction", origin.instruction},
          {"location", origin.location},
          {"verdict", verdict}};
}

/// In the order in which it was put together.
std::string dumped(const json& value) {
  return value.dump(-1, ' ', false, json::error_handler_t::replace) + "\n";
}

/// Rows as lines with their columns aligned; the last column is as long as it is.
std::string columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i)
      line += i + 1 == row.size() ? row[i] : fmt::format("{:<{}}  ", row[i], widths[i]);
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + "\n";
  }
  return out;
}

std::string names_of(const llb::Graph& graph, const std::vector<llb::VertexId>& ids) {
  std::vector<std::string> names;
  for (const auto id : ids) names.push_back(harmless(graph.vertex(id).origin.name));
  return join(names, ", ");
}

}  // namespace

Result<ReportForm> parse_report_form(const std::string& word, const std::string& flag) {
  if (word.empty()) return ReportForm::none;
  if (word == "text") return ReportForm::text;
  if (word == "json") return ReportForm::json;
  return invalid_input("invalid value for " + flag + ": " + word + " (one of text, json)");
}

void StepRecorder::report(const solver::ProgressEvent& event) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto* started = std::get_if<solver::StepStarted>(&event)) {
      Entry& entry = entries_[started->step];
      entry.order = entries_.size();
      entry.report.id = started->step;
      entry.report.name = started->name;
      entry.started = std::chrono::steady_clock::now();
    } else if (const auto* missed = std::get_if<solver::StepMissed>(&event)) {
      entries_[missed->step].report.reason = missed->reason;
    } else if (const auto* ended = std::get_if<solver::StepEnded>(&event)) {
      Entry& entry = entries_[ended->step];
      entry.report.outcome = ended->outcome;
      entry.report.error = ended->error;
      entry.report.milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(
                                      std::chrono::steady_clock::now() - entry.started)
                                      .count();
    }
  }
  next_->report(event);
}

std::vector<StepReport> StepRecorder::steps() const {
  const std::lock_guard lock(mutex_);
  std::vector<const Entry*> order;
  for (const auto& [id, entry] : entries_) order.push_back(&entry);
  std::ranges::sort(order, {}, &Entry::order);
  std::vector<StepReport> out;
  for (const auto* entry : order) out.push_back(entry->report);
  return out;
}

json reason_json(const MissReason& reason) {
  json out = {{"kind", kind_word(reason.kind)}, {"summary", describe(reason)}};
  if (!reason.step.empty()) out["step"] = reason.step;
  if (reason.compared != TimePoint())
    out["comparedWith"] = format_rfc3339(reason.compared.seconds, reason.compared.nanoseconds);
  if (reason.kind == MissReason::Kind::changed) {
    out["changes"] = json::array();
    for (const auto& change : reason.changes)
      out["changes"].push_back({{"kind", kind_word(change.kind)},
                                {"subject", change.subject},
                                {"before", change.before},
                                {"after", change.after}});
    out["more"] = reason.more;
  }
  return out;
}

std::string explain_build(const std::vector<StepReport>& steps, const llb::Graph& graph,
                          ReportForm form) {
  std::vector<const StepReport*> all;
  const StepReport* first_miss = nullptr;
  std::size_t hits = 0;
  for (const auto& step : steps) {
    if (!is_step(graph, step.id)) continue;
    all.push_back(&step);
    if (step.outcome == StepOutcome::cached) ++hits;
    // Steps of different stages begin in any order: the plan's is the Dockerfile's.
    if (step.reason && (first_miss == nullptr || step.id < first_miss->id)) first_miss = &step;
  }
  std::ranges::sort(all, {}, &StepReport::id);
  if (form == ReportForm::json) {
    json out = {{"hits", hits}, {"steps", json::array()}};
    out["firstMiss"] = first_miss == nullptr ? json() : json(first_miss->name);
    for (const auto* step : all) {
      json each = step_json(graph, step->id, outcome_word(step->outcome));
      each["milliseconds"] = step->milliseconds;
      if (step->reason) each["reason"] = reason_json(*step->reason);
      out["steps"].push_back(std::move(each));
    }
    return dumped(out);
  }
  std::string out = fmt::format("cache: {} of {} steps hit\n", hits, all.size());
  if (first_miss == nullptr) return out;
  const auto& reason = *first_miss->reason;
  out += fmt::format("first miss: {}", harmless(first_miss->name));
  const std::string& location = graph.vertex(first_miss->id).origin.location;
  if (!location.empty()) out += fmt::format(" ({})", location);
  out += "\n";
  if (reason.kind == MissReason::Kind::changed) {
    out += fmt::format("  compared with its run of {}:\n", format_rfc3339(reason.compared.seconds));
    for (const auto& change : reason.changes) out += "    " + harmless(describe(change)) + "\n";
    if (reason.more > 0) out += fmt::format("    and {} more\n", reason.more);
  } else {
    out += "  " + harmless(describe(reason)) + "\n";
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto* step : all) {
    if (step->reason && step != first_miss)
      rows.push_back({"  " + harmless(step->name), seconds_text(step->milliseconds),
                      harmless(describe(*step->reason))});
  }
  if (!rows.empty()) out += "then:\n" + columns(rows);
  return out;
}

std::string show_forecast(const std::vector<StepForecast>& steps, const llb::Graph& graph,
                          ReportForm form) {
  std::size_t hits = 0, runs = 0, depend = 0, unknown = 0;
  std::int64_t total = 0;
  for (const auto& step : steps) {
    hits += step.verdict == StepForecast::Verdict::hit;
    runs += step.verdict == StepForecast::Verdict::run;
    depend += step.verdict == StepForecast::Verdict::depends;
    if (step.verdict == StepForecast::Verdict::hit) continue;
    if (step.milliseconds < 0) ++unknown;
    total += std::max<std::int64_t>(step.milliseconds, 0);
  }
  if (form == ReportForm::json) {
    json out = {{"hits", hits}, {"runs", runs}, {"depends", depend}, {"milliseconds", total}};
    out["unknownTimes"] = unknown;
    out["steps"] = json::array();
    for (const auto& step : steps) {
      json each = step_json(graph, step.vertex, verdict_word(step.verdict));
      if (step.verdict != StepForecast::Verdict::hit)
        each["milliseconds"] = step.milliseconds < 0 ? json() : json(step.milliseconds);
      if (step.verdict == StepForecast::Verdict::run) each["reason"] = reason_json(step.reason);
      for (const auto on : step.on) each["dependsOn"].push_back(graph.vertex(on).origin.name);
      out["steps"].push_back(std::move(each));
    }
    return dumped(out);
  }
  std::vector<std::vector<std::string>> rows;
  for (const auto& step : steps) {
    const bool hit = step.verdict == StepForecast::Verdict::hit;
    std::string why;
    if (step.verdict == StepForecast::Verdict::run) why = harmless(describe(step.reason));
    if (step.verdict == StepForecast::Verdict::depends)
      why = "depends on " + names_of(graph, step.on);
    rows.push_back({verdict_word(step.verdict), hit ? "" : seconds_text(step.milliseconds),
                    harmless(graph.vertex(step.vertex).origin.name), why});
  }
  std::string out = columns(rows);
  out += fmt::format("{} of {} steps hit, {} would run, {} depend on those", hits, steps.size(),
                     runs, depend);
  if (runs + depend > 0) out += fmt::format("; about {} at most", seconds_text(total));
  if (unknown > 0) out += fmt::format(", and {} never run before", unknown);
  return out + "\n";
}

}  // namespace kiln::cli
