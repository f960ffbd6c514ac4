// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/result.h"

namespace kiln::format {

/// What `.Name` gives when an object has no such key.
enum class MissingField {
  error,     ///< the template fails: objects stand for Go's structs
  no_value,  ///< `<no value>`: objects stand for Go's maps
};
/// How docker's own functions behave.
enum class FunctionSet {
  values,
  headers,  ///< json, lower, title, truncate and upper leave a column's header alone
};

struct RenderOptions {
  MissingField missing_field = MissingField::error;
  FunctionSet functions = FunctionSet::values;
  /// Fields by these names hold maps with free keys, whatever `missing_field` says: `.Labels.nope`
  /// is `<no value>`, `index .Labels "nope"` is empty, and null prints as `map[]`.
  std::set<std::string, std::less<>> map_fields = {"Annotations", "Data",    "ExposedPorts",
                                                   "Labels",      "Options", "Volumes"};
  /// Fields by these names hold lists: null prints as `[]`.
  std::set<std::string, std::less<>> list_fields = {"Cmd",         "Entrypoint", "Env",   "Layers",
                                                    "OnBuild",     "RepoTags",   "Shell", "Test",
                                                    "RepoDigests", "Names"};
  /// Go's name of a field to its key in the data, where they differ: JSON's own names then are what
  /// `json` writes. Such a field that is not there is empty.
  std::map<std::string, std::string, std::less<>> field_keys = {};
  /// Fields of Go's structs that the data leaves out where they are empty, and what they are then;
  /// null: a nil pointer, or an empty map or list by the names above.
  std::map<std::string, nlohmann::json, std::less<>> left_out = {};
  /// Blanks that `json` lays its text out with; 0: one line.
  unsigned json_indent = 0;
  /// `json .` writes `<`, `>` and `&` as `\u003c`, as docker does for the rows of its tables.
  bool escapes_html_in_row = false;
};

namespace ast {
struct Program;
}

/// A Go text/template with docker's functions: what `--format` takes. Its data is JSON with Go's
/// field names as keys. An immutable value; rendering is safe from many threads.
///
/// Errors are of kind invalid_input and read as Go's: `template: :1:2: executing "" at <.Foo>: …`
/// (line, byte column from 0). docker puts `template parsing error: ` in front. The hint of a
/// missing field names the fields that there are.
///
/// Different from Go: no methods, complex numbers or nested user functions; templates that call
/// each other stop at a depth of 250.
class Template {
 public:
  static Result<Template> parse(std::string_view text);

  Result<std::string> render(const nlohmann::json& data, const RenderOptions& options = {}) const;
  /// Appends to `out`; what was made before a failure stays, as in Go.
  Result<void> render_to(std::string& out, const nlohmann::json& data,
                         const RenderOptions& options = {}) const;

 private:
  explicit Template(std::shared_ptr<const ast::Program> program) : program_(std::move(program)) {}

  std::shared_ptr<const ast::Program> program_;
};

}  // namespace kiln::format
