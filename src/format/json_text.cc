// SPDX-License-Identifier: Apache-2.0
#include "format/json_text.h"

#include <fmt/format.h>

#include <cmath>

#include "format/go_fmt.h"
#include "format/go_strconv.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

void append_json_string(std::string& out, std::string_view text, EscapeHtml escape_html) {
  out.push_back('"');
  while (!text.empty()) {
    const Rune rune = decode_rune(text);
    const char32_t c = rune.code;
    const bool html = c == '<' || c == '>' || c == '&';
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (const auto known = std::u32string_view(U"\b\f\n\r\t").find(c);
               known != std::u32string_view::npos) {
      out.push_back('\\');
      out.push_back("bfnrt"[known]);
    } else if (c < 0x20 || !rune.valid || c == 0x2028 || c == 0x2029 ||
               (html && escape_html == EscapeHtml::yes)) {
      out.append(fmt::format("\\u{:04x}", static_cast<unsigned>(c)));
    } else {
      out.append(text.substr(0, rune.size));
    }
    text.remove_prefix(rune.size);
  }
  out.push_back('"');
}

void append_json(std::string& out, const Json& value, EscapeHtml escape_html) {
  bool first = true;
  switch (value.type()) {
    case Json::value_t::object:
      out.push_back('{');
      for (const auto& item : value.items()) {
        if (!first) out.push_back(',');
        first = false;
        append_json_string(out, item.key(), escape_html);
        out.push_back(':');
        append_json(out, item.value(), escape_html);
      }
      out.push_back('}');
      break;
    case Json::value_t::array:
      out.push_back('[');
      for (const Json& item : value) {
        if (!first) out.push_back(',');
        first = false;
        append_json(out, item, escape_html);
      }
      out.push_back(']');
      break;
    case Json::value_t::string:
      append_json_string(out, value.get_ref<const std::string&>(), escape_html);
      break;
    case Json::value_t::number_float: {
      const double number = value.get<double>();
      const double size = std::fabs(number);
      if (!std::isfinite(number)) {
        out.append("null");
      } else if (size != 0 && (size < 1e-6 || size >= 1e21)) {
        // encoding/json writes e-7 where strconv writes e-07.
        std::string text = format_float(number, 'e', -1);
        const auto zero = text.find("e-0");
        if (zero != std::string::npos) text.erase(zero + 2, 1);
        out.append(text);
      } else {
        out.append(format_float(number, 'f', -1));
      }
      break;
    }
    default:
      out.append(value.is_null() ? "null" : print_value(value));
  }
}

}  // namespace

std::string to_json_text(const Json& value, EscapeHtml escape_html) {
  std::string out;
  append_json(out, value, escape_html);
  return out;
}

}  // namespace kiln::format
