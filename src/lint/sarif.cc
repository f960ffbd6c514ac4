// SPDX-License-Identifier: Apache-2.0
// SARIF 2.1.0 (OASIS): one run, a descriptor for each rule that was broken.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "lint/lint.h"
#include "lint/report.h"

namespace kiln::lint {
namespace {

using Json = nlohmann::ordered_json;

/// A relative reference as URIs have it.
std::string uri_reference(std::string_view path) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
  std::string out;
  for (const char c : path) {
    if (kPlain.find(c) != std::string_view::npos) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  // A colon in the first segment would be a scheme's: it is escaped above.
  return out;
}

const char* level(Rule rule) {
  return rule_info(rule).level == Level::warning ? "warning" : "note";
}

Json artifact(std::string_view path) {
  return {{"artifactLocation", {{"uri", uri_reference(path)}}}};
}

Json located(std::string_view path, unsigned first, unsigned last) {
  Json physical = artifact(path);
  physical["region"] = {{"startLine", first}, {"endLine", last}};
  return Json::array({{{"physicalLocation", std::move(physical)}}});
}

Json descriptor(Rule rule) {
  const RuleInfo& about = rule_info(rule);
  return {{"id", about.name},
          {"name", about.name},
          {"shortDescription", {{"text", std::string(about.description) + "."}}},
          {"help", {{"text", "See " + documentation(rule) + "."}}},
          {"defaultConfiguration", {{"level", level(rule)}}}};
}

/// Byte columns count as such here: SARIF's default are UTF-16 code units.
Json fix_of(std::string_view path, const Finding& finding) {
  Json replacements = Json::array();
  for (const Edit& edit : finding.fix) {
    replacements.push_back({{"deletedRegion",
                             {{"startLine", edit.range.begin.line},
                              {"startColumn", edit.range.begin.column},
                              {"endLine", edit.range.end.line},
                              {"endColumn", edit.range.end.column}}},
                            {"insertedContent", {{"text", edit.text}}}});
  }
  Json change = artifact(path);
  change["replacements"] = std::move(replacements);
  return {{"description", {{"text", "Mend " + std::string(rule_info(finding.rule).name) + "."}}},
          {"artifactChanges", Json::array({std::move(change)})}};
}

/// Whether byte columns are code units too.
bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

}  // namespace

std::string sarif(const Report& report, std::string_view path, std::string_view version) {
  std::vector<Rule> rules;
  Json results = Json::array();
  const bool columns = is_ascii(report.source.text());
  for (const Finding& finding : report.findings) {
    const auto known = std::ranges::find(rules, finding.rule);
    const auto index = known - rules.begin();
    if (known == rules.end()) rules.push_back(finding.rule);
    Json result = {{"ruleId", rule_info(finding.rule).name},
                   {"ruleIndex", index},
                   {"level", level(finding.rule)},
                   {"message", {{"text", finding.detail}}},
                   {"locations", located(path, finding.first_line, finding.last_line)}};
    if (columns && !finding.fix.empty()) result["fixes"] = Json::array({fix_of(path, finding)});
    results.push_back(std::move(result));
  }
  Json descriptors = Json::array();
  for (const Rule rule : rules) descriptors.push_back(descriptor(rule));
  Json invocation = {{"executionSuccessful", report.error == nullptr}};
  if (report.error != nullptr) {
    Json notification = {{"level", "error"}, {"message", {{"text", report.error->message()}}}};
    if (const auto line = error_line(report.source, *report.error))
      notification["locations"] = located(path, *line, *line);
    invocation["toolExecutionNotifications"] = Json::array({std::move(notification)});
  }
  const Json out = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"},
      {"version", "2.1.0"},
      {"runs",
       Json::array(
           {{{"tool",
              {{"driver",
                {{"name", "kiln"}, {"version", version}, {"rules", std::move(descriptors)}}}}},
             {"invocations", Json::array({std::move(invocation)})},
             {"columnKind", "utf16CodeUnits"},
             {"results", std::move(results)}}})}};
  return indented_json(out);
}

}  // namespace kiln::lint
