// SPDX-License-Identifier: Apache-2.0
#include "format/table.h"

#include "base/strings.h"
#include "format/tabwriter.h"
#include "format/template.h"

namespace kiln::format {
namespace {

constexpr std::string_view kTableKey = "table";
constexpr std::string_view kJsonRow = "{{json .}}";
constexpr std::string_view kParsing = "template parsing error";

/// What the user or the style asked for, before its table prefix is looked at.
std::string_view chosen_format(std::string_view format, const TableStyle& style, Quiet quiet) {
  if (format == "json") return kJsonRow;
  if (!format.empty() && format != kTableKey) return format;
  return quiet == Quiet::yes ? style.quiet_format : style.default_format;
}

std::string trim_spaces(std::string_view text) {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return std::string(text.substr(first, text.find_last_not_of(' ') - first + 1));
}

std::string replace_escapes(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char next = i + 1 < text.size() ? text[i + 1] : '\0';
    if (text[i] == '\\' && (next == 't' || next == 'n')) {
      out.push_back(next == 't' ? '\t' : '\n');
      ++i;
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

/// `indent` -1: one line.
std::string written(const nlohmann::ordered_json& value, int indent) {
  return value.dump(indent, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

/// As docker's `inspect` fails.
Result<Template> inspection_template(std::string_view format) {
  auto layout = Template::parse(format).context(kParsing);
  if (!layout) return std::move(layout).error().with_exit_code(64);
  return layout;
}

}  // namespace

Result<std::string> render_rows(std::string_view format, const TableStyle& style,
                                const std::vector<nlohmann::json>& rows, Quiet quiet) {
  std::string_view chosen = chosen_format(format, style, quiet);
  const bool is_table = chosen.starts_with(kTableKey);
  if (is_table) chosen.remove_prefix(kTableKey.size());
  const Template layout =
      TRY(Template::parse(replace_escapes(trim_spaces(chosen))).context(kParsing));

  const RenderOptions options{.escapes_html_in_row = true};
  std::string lines;
  for (const nlohmann::json& row : rows) {
    TRY(layout.render_to(lines, row, options).context(kParsing));
    lines.push_back('\n');
  }
  if (!is_table) return lines;

  // The header is what the layout makes of the columns' names. Where it can't (`{{len .Tag}}` of a
  // header means nothing), docker shows what came out so far, and so do we.
  std::string header;
  const RenderOptions of_headers{.functions = FunctionSet::headers};
  (void)layout.render_to(header, nlohmann::json(style.headers), of_headers);
  return align_columns(header + "\n" + lines);
}

Result<std::string> render_inspection(std::string_view format,
                                      const std::vector<nlohmann::ordered_json>& objects,
                                      const RenderOptions& options) {
  if (format.empty() || format == "json") {
    nlohmann::ordered_json all = nlohmann::ordered_json::array();
    for (const auto& object : objects) all.push_back(object);
    return written(all, format.empty() ? 4 : -1);
  }
  const Template layout = TRY(inspection_template(format));
  std::string out;
  for (const auto& object : objects) {
    TRY(layout.render_to(out, nlohmann::json(object), options).context(kParsing));
    out.push_back('\n');
  }
  return out;
}

Result<std::string> render_object(std::string_view format, const nlohmann::ordered_json& object) {
  if (format == "json") return written(object, -1);
  return render_inspection(format, {object});
}

}  // namespace kiln::format
