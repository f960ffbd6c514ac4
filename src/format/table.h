// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/template.h"

namespace kiln::format {

enum class Quiet { no, yes };

/// How one command lists things, such as `docker images`.
struct TableStyle {
  /// Used for no format and for `table`: `table {{.Repository}}\t{{.Tag}}…`.
  std::string default_format;
  /// Used instead of the default one when quiet, such as `{{.ID}}`.
  std::string quiet_format;
  /// Field name to column header: `{"ID", "IMAGE ID"}`. Every field of a row is here.
  std::map<std::string, std::string> headers;
};

/// The lines that docker prints for `--format FORMAT`: the command's own table (empty or `table`),
/// a table of chosen columns (`table {{.ID}}\t{{.Size}}`), one JSON object a line (`json`), or a
/// template's output a row. `\t` and `\n` in the format are a tab and a line feed. A row's keys are
/// the names of the fields. Errors are invalid_input, `template parsing error: …` as docker's.
Result<std::string> render_rows(std::string_view format, const TableStyle& style,
                                const std::vector<nlohmann::json>& rows, Quiet quiet = Quiet::no);

/// What docker's `inspect` prints: without a format an indented JSON array, with `json` a compact
/// one, else a template's output, one line an object; `\t` and `\n` in the format are left alone.
/// A template that does not parse has the exit code 64.
Result<std::string> render_inspection(std::string_view format,
                                      const std::vector<nlohmann::ordered_json>& objects,
                                      const RenderOptions& options = {});
/// The same of one object that is no list's: `docker version`.
Result<std::string> render_object(std::string_view format, const nlohmann::ordered_json& object);

}  // namespace kiln::format
