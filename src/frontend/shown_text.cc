// SPDX-License-Identifier: Apache-2.0
#include "frontend/shown_text.h"

#include <set>

#include "base/strings.h"
#include "dockerfile/run_mount.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;
using Names = std::set<std::string, std::less<>>;

/// Of a heredoc, to tell it from others.
std::string first_line(std::string_view content) {
  const std::string_view text = trim(content);
  const std::size_t end = text.find('\n');
  if (end == std::string_view::npos) return std::string(text);
  return std::string(trim(text.substr(0, end))) + "...";
}

Names secret_variables(const df::Run& run) {
  Names out;
  const auto as_written = [](const std::string& text) -> Result<std::string> { return text; };
  for (const auto& flag : run.flags) {
    if (flag.name != "mount") continue;
    const auto mount = df::parse_run_mount(flag.value.value_or(""), as_written);
    if (mount && mount->type == df::RunMount::Type::secret && mount->env) out.insert(*mount->env);
  }
  return out;
}

}  // namespace

std::string shown_text(const df::Instruction& instruction, df::Lookup values, char escape) {
  df::ExpandOptions options;
  options.escape = escape;
  std::string text = instruction.original;
  if (const auto* run = std::get_if<df::Run>(&instruction.value)) {
    // The shell's own quotes and variables are left to it.
    options.quotes = df::Quotes::keep;
    options.unset = df::UnsetVariables::keep;
    if (run->heredoc_only) text += " (" + first_line(run->heredocs.front().content) + ")";
    values = [outer = std::move(values), secrets = secret_variables(*run)](std::string_view name) {
      return secrets.contains(name) ? std::optional<std::string>("****") : outer(name);
    };
  }
  auto expanded = df::expand(text, values, options);
  if (expanded) text = std::move(expanded->text);
  const std::size_t end = text.find(' ');
  return to_upper(text.substr(0, end)) + (end == std::string::npos ? "" : text.substr(end));
}

}  // namespace kiln::frontend
