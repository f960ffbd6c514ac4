// SPDX-License-Identifier: Apache-2.0
#include "lint/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/json.h"
#include "lint/lint.h"

namespace kiln::lint {
namespace {

namespace df = dockerfile;
using Json = nlohmann::ordered_json;

constexpr unsigned kLinesAround = 2;

std::vector<Finding> by_line(std::vector<Finding> findings) {
  std::ranges::stable_sort(findings, {}, &Finding::first_line);
  return findings;
}

/// One range for each line: docker counts so.
Json location(unsigned first, unsigned last) {
  Json ranges = Json::array();
  for (unsigned line = first; line <= last; ++line) {
    ranges.push_back({{"start", {{"line", line}}}, {"end", {{"line", line}}}});
  }
  return {{"ranges", std::move(ranges)}};
}

/// A final line end starts one more line there.
unsigned shown_line_count(const df::Source& source) {
  return source.line_count() + (source.text().ends_with('\n') ? 1 : 0);
}

}  // namespace

std::string framed_lines(const df::Source& source, std::string_view path, unsigned first,
                         unsigned last) {
  constexpr std::string_view kRule = "--------------------\n";
  const unsigned count = shown_line_count(source);
  last = std::min(last, count);
  // One line gets two around it on each side, several get one; what is missing on one side is
  // made up for on the other.
  unsigned from = first;
  unsigned to = last;
  const unsigned wanted = first == last ? 2 * kLinesAround : kLinesAround;
  for (unsigned added = 0; added < wanted; ++added) {
    if (from > 1) {
      --from;
      ++added;
    }
    if (to != count) {
      ++to;
      ++added;
    }
  }
  std::string out = fmt::format("{}:{}\n{}", path, first, kRule);
  for (unsigned line = from; line <= to; ++line) {
    fmt::format_to(std::back_inserter(out), " {:3} | {} {}\n", line,
                   line >= first && line <= last ? ">>>" : "   ", source.line(line));
  }
  return out.append(kRule);
}

std::string short_text(const Finding& finding) {
  return fmt::format("{}: {} (line {})", rule_info(finding.rule).name, finding.detail,
                     finding.first_line);
}

std::string check_text(const Report& report, std::string_view path) {
  const auto findings = by_line(report.findings);
  if (findings.empty())
    return report.error == nullptr ? "Check complete, no warnings found.\n" : std::string();
  std::string out =
      findings.size() == 1
          ? "Check complete, 1 warning has been found!\n"
          : fmt::format("Check complete, {} warnings have been found!\n", findings.size());
  for (const Finding& finding : findings) {
    fmt::format_to(std::back_inserter(out), "\nWARNING: {} - {}\n{}\n{}",
                   rule_info(finding.rule).name, documentation(finding.rule), finding.detail,
                   framed_lines(report.source, path, finding.first_line, finding.last_line));
  }
  return out;
}

std::string check_json(const Report& report) {
  Json warnings = Json::array();
  for (const Finding& finding : report.findings) {
    const RuleInfo& rule = rule_info(finding.rule);
    warnings.push_back({{"ruleName", rule.name},
                        {"description", rule.description},
                        {"url", documentation(finding.rule)},
                        {"detail", finding.detail},
                        {"location", location(finding.first_line, finding.last_line)}});
  }
  Json out = {{"warnings", warnings.empty() ? Json() : std::move(warnings)},
              {"sources",
               {{{"filename", report.source.name()},
                 {"data", base64(report.source.text())},
                 {"language", "Dockerfile"}}}}};
  if (report.error != nullptr) {
    const auto line = error_line(report.source, *report.error);
    out["buildError"] = {{"message", report.error->message()},
                         {"location", line ? location(*line, *line) : Json::object()}};
  }
  return indented_json(out);
}

std::string lint_text(const Report& report, std::string_view path) {
  std::string out;
  for (const Finding& finding : by_line(report.findings)) {
    const RuleInfo& rule = rule_info(finding.rule);
    fmt::format_to(std::back_inserter(out), "{}:{}: {}: {} [{}]{}\n{}", path,
                   finding.range.begin.line, rule.level == Level::warning ? "warning" : "info",
                   finding.detail, rule.name, finding.fix.empty() ? "" : " (--fix mends it)",
                   df::excerpt(report.source, finding.range));
  }
  return out;
}

}  // namespace kiln::lint
