// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kiln::dockerfile {

enum class JsonForm {
  none,     ///< not a JSON array: the text stands for itself
  strings,  ///< a JSON array of strings, maybe empty
  mixed,    ///< a JSON array with something else in it
};

struct JsonItem {
  std::string value;
  /// The string as written, with its quotes.
  std::string_view literal;
};

struct JsonArray {
  JsonForm form = JsonForm::none;
  std::vector<JsonItem> items;
};

/// Tells exec form from shell form.
JsonArray parse_json_array(std::string_view text);

}  // namespace kiln::dockerfile
