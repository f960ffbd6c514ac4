// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/registry_session.h"
#include "format/table.h"
#include "format/units.h"
#include "os/process_setup.h"
#include "registry/search.h"

namespace kiln::cli {
namespace {

const format::TableStyle kSearchStyle = {
    "table {{.Name}}\t{{.Description}}\t{{.StarCount}}\t{{.IsOfficial}}",
    "{{.Name}}",
    {{"Name", "NAME"},
     {"Description", "DESCRIPTION"},
     {"StarCount", "STARS"},
     {"IsOfficial", "OFFICIAL"}}};
constexpr unsigned kUsualLimit = 25, kMostResults = 100;

struct Filters {
  std::optional<bool> official, automated;
  std::int64_t stars = 0;

  bool let(const registry::SearchResult& result) const {
    return (!official || result.official == *official) &&
           (!automated || result.automated == *automated) && result.stars >= stars;
  }
};

Result<bool> parse_filter_bool(const std::string& name, std::string_view value) {
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0") return false;
  return invalid_input(fmt::format("invalid filter '{}={}'", name, value));
}

Result<Filters> parse_filters(const std::vector<std::string>& words) {
  Filters out;
  for (const auto& word : words) {
    const auto [key, value] = split_once(word, '=');
    if (!value)
      return invalid_input(fmt::format(
          "invalid argument \"{}\" for \"-f, --filter\" flag: invalid filter: name=value", word));
    const std::string name = to_lower(trim(key));
    if (name == "is-official") {
      out.official = TRY(parse_filter_bool(name, *value));
    } else if (name == "is-automated") {
      out.automated = TRY(parse_filter_bool(name, *value));
    } else if (name == "stars") {
      const auto number = parse_uint(*value);
      if (!number) return invalid_input(fmt::format("invalid filter 'stars={}'", *value));
      out.stars = static_cast<std::int64_t>(std::min<std::uint64_t>(*number, INT64_MAX));
    } else {
      return invalid_input("invalid filter '" + name + "'");
    }
  }
  return out;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  std::ranges::replace(text, '\r', ' ');
  return text;
}

}  // namespace

Result<int> search_command(const Session& session, std::vector<std::string> words) {
  constexpr std::size_t kDescriptionWidth = 45;
  std::vector<std::string> filters;
  std::string format, limit;
  bool no_trunc = false;
  RegistryFlags registry_flags;
  FlagSet set(session.command, "[OPTIONS] TERM", "Search a registry for images");
  set.list("-f,--filter", filters, "is-official=true|false, stars=NUMBER")
      .option("--format", format, "table, json, or a Go template")
      .option("--limit", limit, "how many results at most: 1 to 100 (default 25)")
      .flag("--no-trunc", no_trunc, "show descriptions in full")
      .arguments(1, 1);
  add_registry_flags(set, registry_flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const Filters wanted = TRY(parse_filters(filters));
  std::uint64_t most = kUsualLimit;
  if (!limit.empty()) {
    const auto number = parse_uint(limit);
    if (!number)
      return invalid_input(fmt::format("invalid argument \"{}\" for \"--limit\" flag", limit))
          .with_exit_code(125);
    if (*number != 0) most = *number;
  }
  if (most > kMostResults) {
    return invalid_input(
        fmt::format("limit {} is outside the range of [1, {}]", most, kMostResults));
  }
  const auto registries = TRY(open_registries(registry_flags));
  const os::InterruptWatcher interrupts;
  const auto found = TRY(registry::search(*registries, parsed.arguments[0],
                                          static_cast<unsigned>(most), interrupts.token()));
  const bool as_json = format == "json" || format.find("json .") != std::string::npos;
  const std::string yes = as_json ? "true" : "[OK]", no = as_json ? "false" : "";
  std::vector<nlohmann::json> rows;
  for (const auto& result : found) {
    if (!wanted.let(result)) continue;
    const std::string description = one_line(result.description);
    rows.push_back(
        {{"Name", result.name},
         {"Description", no_trunc ? description : format::ellipsis(description, kDescriptionWidth)},
         {"StarCount", std::to_string(result.stars)},
         {"IsOfficial", result.official ? yes : no}});
  }
  const std::string out = TRY(format::render_rows(format, kSearchStyle, rows));
  TRY(print(out));
  return 0;
}

}  // namespace kiln::cli
