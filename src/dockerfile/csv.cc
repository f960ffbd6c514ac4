// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/csv.h"

namespace kiln::dockerfile {

Result<std::vector<std::string>> csv_fields(std::string_view text) {
  std::vector<std::string> fields;
  for (;;) {
    std::string field;
    if (text.starts_with('"')) {
      text.remove_prefix(1);
      for (;;) {
        const auto quote = text.find('"');
        if (quote == std::string_view::npos) return invalid_input("missing closing \" in field");
        field += text.substr(0, quote);
        text.remove_prefix(quote + 1);
        if (!text.starts_with('"')) break;
        field += '"';
        text.remove_prefix(1);
      }
      if (!text.empty() && text.front() != ',') {
        return invalid_input("extraneous or missing \" in quoted field");
      }
    } else {
      field = text.substr(0, text.find(','));
      text.remove_prefix(field.size());
      if (field.find('"') != std::string::npos) return invalid_input("bare \" in non-quoted field");
    }
    fields.push_back(std::move(field));
    if (text.empty()) return fields;
    text.remove_prefix(1);
  }
}

}  // namespace kiln::dockerfile
