// SPDX-License-Identifier: Apache-2.0
#include "format/go_fmt.h"

#include <fmt/format.h>

#include <cmath>
#include <optional>

#include "base/strings.h"
#include "format/go_strconv.h"
#include "format/utf8.h"

namespace kiln::format {
namespace {

// Go's own limit; a larger width or precision is reported in the text.
constexpr int kMaxWidth = 1'000'000;

struct Spec {
  bool plus = false;
  bool minus = false;
  bool sharp = false;
  bool space = false;
  bool zero = false;
  std::optional<int> width;
  std::optional<int> precision;
};

std::string pad(std::string text, const Spec& spec) {
  if (!spec.width) return text;
  const auto have = count_runes(text);
  const auto want = static_cast<std::size_t>(*spec.width);
  if (have >= want) return text;
  if (spec.minus) return text.append(want - have, ' ');
  return std::string(want - have, spec.zero ? '0' : ' ').append(text);
}

/// Pads between the sign and the digits if zeros are asked for.
std::string pad_number(std::string sign, std::string digits, const Spec& spec) {
  if (spec.zero && !spec.minus && spec.width) {
    const auto want = static_cast<std::size_t>(*spec.width);
    const auto have = sign.size() + digits.size();
    if (have < want) digits.insert(0, want - have, '0');
  }
  Spec blanks = spec;
  blanks.zero = false;
  return pad(sign.append(digits), blanks);
}

std::string sign_of(bool negative, const Spec& spec) {
  return negative ? "-" : spec.plus ? "+" : spec.space ? " " : "";
}

std::uint64_t magnitude(const Json& value) {
  if (value.is_number_unsigned()) return value.get<std::uint64_t>();
  const auto number = value.get<std::int64_t>();
  return number < 0 ? ~static_cast<std::uint64_t>(number) + 1 : static_cast<std::uint64_t>(number);
}

bool is_negative(const Json& value) {
  return !value.is_number_unsigned() && value.get<std::int64_t>() < 0;
}

std::string quote_rune(char32_t code, QuoteStyle style) {
  std::string text;
  append_rune(text, code);
  if (code == '\'') return R"('\'')";
  if (code == '"') return R"('"')";
  std::string quoted = quote(text, style);
  quoted.front() = quoted.back() = '\'';
  return quoted;
}

std::optional<std::string> format_integer(const Json& value, char verb, const Spec& spec) {
  const std::uint64_t number = magnitude(value);
  const QuoteStyle style = spec.plus ? QuoteStyle::ascii : QuoteStyle::unicode;
  std::string digits;
  std::string prefix;
  switch (verb) {
    case 'v':
    case 'd':
      digits = std::to_string(number);
      break;
    case 'b':
      digits = fmt::format("{:b}", number);
      if (spec.sharp) prefix = "0b";
      break;
    case 'o':
      digits = fmt::format("{:o}", number);
      if (spec.sharp) prefix = "0";
      break;
    case 'O':
      digits = fmt::format("{:o}", number);
      prefix = "0o";
      break;
    case 'x':
      digits = fmt::format("{:x}", number);
      if (spec.sharp) prefix = "0x";
      break;
    case 'X':
      digits = fmt::format("{:X}", number);
      if (spec.sharp) prefix = "0X";
      break;
    case 'c': {
      std::string text;
      append_rune(text, number > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(number));
      return pad(std::move(text), spec);
    }
    case 'q':
      return pad(quote_rune(number > 0x10FFFF ? 0xFFFD : static_cast<char32_t>(number), style),
                 spec);
    case 'U':
      return pad(fmt::format("U+{:04X}", number), spec);
    default:
      return std::nullopt;
  }
  if (spec.precision && digits.size() < static_cast<std::size_t>(*spec.precision))
    digits.insert(0, static_cast<std::size_t>(*spec.precision) - digits.size(), '0');
  Spec number_spec = spec;
  if (spec.precision) number_spec.zero = false;
  return pad_number(sign_of(is_negative(value), spec) + prefix, digits, number_spec);
}

std::optional<std::string> format_double(double value, char verb, const Spec& spec) {
  int precision = spec.precision.value_or(-1);
  switch (verb) {
    case 'v':
      verb = 'g';
      break;
    case 'g':
    case 'G':
    case 'x':
    case 'X':
      break;
    case 'e':
    case 'E':
    case 'f':
    case 'F':
      precision = spec.precision.value_or(6);
      break;
    default:
      return std::nullopt;
  }
  if (!std::isfinite(value)) {
    Spec blanks = spec;
    blanks.zero = false;
    const bool infinite = std::isinf(value);
    return pad(sign_of(infinite && value < 0, spec) + (infinite ? "Inf" : "NaN"), blanks);
  }
  return pad_number(sign_of(std::signbit(value), spec),
                    format_float(std::fabs(value), verb, precision), spec);
}

std::string hex_of(std::string_view bytes, char verb, const Spec& spec) {
  std::string out;
  const std::string_view prefix = !spec.sharp ? "" : verb == 'x' ? "0x" : "0X";
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto byte = static_cast<unsigned>(static_cast<unsigned char>(bytes[i]));
    if (i > 0 && spec.space) out.push_back(' ');
    if (i == 0 || spec.space) out.append(prefix);
    out += verb == 'x' ? fmt::format("{:02x}", byte) : fmt::format("{:02X}", byte);
  }
  return out;
}

std::string_view take_runes(std::string_view text, int count) {
  std::size_t end = 0;
  for (; count > 0 && end < text.size(); --count) end += decode_rune(text.substr(end)).size;
  return text.substr(0, end);
}

bool can_backquote(std::string_view text) {
  return text.find('`') == std::string_view::npos &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F);
         });
}

std::optional<std::string> format_string(std::string_view text, char verb, const Spec& spec) {
  if (spec.precision) text = take_runes(text, *spec.precision);
  switch (verb) {
    case 'v':
      if (spec.sharp) return pad(quote(text), spec);
      return pad(std::string(text), spec);
    case 's':
      return pad(std::string(text), spec);
    case 'q':
      if (spec.sharp && can_backquote(text)) return pad(fmt::format("`{}`", text), spec);
      return pad(quote(text, spec.plus ? QuoteStyle::ascii : QuoteStyle::unicode), spec);
    case 'x':
    case 'X':
      return pad(hex_of(text, verb, spec), spec);
    default:
      return std::nullopt;
  }
}

std::string format_one(const Json& value, char verb, const Spec& spec);

std::string bad_verb(const Json& value, std::string_view verb) {
  if (value.is_null()) return fmt::format("%!{}(<nil>)", verb);
  return fmt::format("%!{}({}={})", verb, type_name(value), print_value(value));
}

std::string format_container(const Json& value, char verb, const Spec& spec) {
  const bool source = verb == 'v' && spec.sharp;
  const std::string_view separator = source ? ", " : " ";
  std::string out = source ? std::string(type_name(value)) + "{" : value.is_array() ? "[" : "map[";
  bool first = true;
  for (const auto& item : value.items()) {
    if (!first) out.append(separator);
    first = false;
    if (value.is_object()) out.append(format_one(item.key(), verb, spec)).push_back(':');
    if (source && item.value().is_null()) {
      out.append("interface {}(nil)");
    } else if (item.value().is_null()) {
      out.append(verb == 'v' ? "<nil>" : bad_verb(item.value(), {&verb, 1}));
    } else {
      out.append(format_one(item.value(), verb, spec));
    }
  }
  return out.append(source ? "}" : "]");
}

std::string format_one(const Json& value, char verb, const Spec& spec) {
  if (verb == 'T') return pad(value.is_null() ? "<nil>" : std::string(type_name(value)), spec);
  std::optional<std::string> text;
  if (value.is_null()) {
    if (verb == 'v') text = pad("<nil>", spec);
  } else if (value.is_boolean()) {
    if (verb == 'v' || verb == 't') text = pad(value.get<bool>() ? "true" : "false", spec);
  } else if (value.is_number_integer()) {
    text = format_integer(value, verb, spec);
  } else if (value.is_number_float()) {
    text = format_double(value.get<double>(), verb, spec);
  } else if (value.is_string()) {
    text = format_string(value.get_ref<const std::string&>(), verb, spec);
  } else {
    text = format_container(value, verb, spec);
  }
  return text ? *text : bad_verb(value, {&verb, 1});
}

/// One run of fmt.Sprintf.
class Printf {
 public:
  Printf(std::string_view format, std::span<const Json> values)
      : format_(format), values_(values) {}

  std::string run() {
    while (pos_ < format_.size()) {
      const auto percent = std::min(format_.find('%', pos_), format_.size());
      out_.append(format_.substr(pos_, percent - pos_));
      pos_ = percent + 1;
      if (percent < format_.size()) directive();
    }
    if (!reordered_ && next_ < values_.size()) extra();
    return std::move(out_);
  }

 private:
  char peek() const { return pos_ < format_.size() ? format_[pos_] : '\0'; }

  void directive() {
    Spec spec;
    good_index_ = true;
    read_flags(spec);
    read_index();
    if (peek() == '*') {
      ++pos_;
      spec.width = take_count("%!(BADWIDTH)");
      if (spec.width && *spec.width < 0) {
        spec.width = -*spec.width;
        spec.minus = true;
        spec.zero = false;
      }
    } else {
      spec.width = read_number("%!(BADWIDTH)");
    }
    if (peek() == '.') {
      ++pos_;
      read_index();
      if (peek() == '*') {
        ++pos_;
        spec.precision = take_count("%!(BADPREC)");
        if (spec.precision && *spec.precision < 0) {
          spec.precision.reset();
          out_.append("%!(BADPREC)");
        }
      } else {
        spec.precision = read_number("%!(BADPREC)").value_or(0);
      }
    }
    read_index();
    verb(spec);
  }

  void verb(const Spec& spec) {
    if (pos_ >= format_.size()) {
      out_.append("%!(NOVERB)");
      return;
    }
    const Rune rune = decode_rune(format_.substr(pos_));
    const std::string_view name = format_.substr(pos_, rune.size);
    pos_ += rune.size;
    if (name == "%") {
      out_.push_back('%');
    } else if (!good_index_) {
      out_.append("%!").append(name).append("(BADINDEX)");
    } else if (next_ >= values_.size()) {
      out_.append("%!").append(name).append("(MISSING)");
    } else if (rune.size > 1) {
      out_.append(bad_verb(values_[next_++], name));
    } else {
      out_.append(format_one(values_[next_++], name[0], spec));
    }
  }

  void read_flags(Spec& spec) {
    for (;; ++pos_) {
      switch (peek()) {
        case '#':
          spec.sharp = true;
          break;
        case '0':
          spec.zero = true;
          break;
        case '+':
          spec.plus = true;
          break;
        case '-':
          spec.minus = true;
          break;
        case ' ':
          spec.space = true;
          break;
        default:
          if (spec.minus) spec.zero = false;
          return;
      }
    }
  }

  std::optional<int> read_number(std::string_view complaint) {
    const auto end = std::min(format_.find_first_not_of("0123456789", pos_), format_.size());
    if (end == pos_) return std::nullopt;
    const auto number = parse_uint(format_.substr(pos_, end - pos_));
    pos_ = end;
    if (number && *number <= kMaxWidth) return static_cast<int>(*number);
    out_.append(complaint);
    return std::nullopt;
  }

  /// The value of a `*`.
  std::optional<int> take_count(std::string_view complaint) {
    if (next_ < values_.size() && good_index_) {
      const Json& value = values_[next_++];
      if (value.is_number_integer() && magnitude(value) <= kMaxWidth)
        return static_cast<int>(value.get<std::int64_t>());
    }
    out_.append(complaint);
    return std::nullopt;
  }

  /// `[n]`: the next operand is the nth.
  void read_index() {
    if (peek() != '[') return;
    reordered_ = true;
    const auto close = format_.find(']', pos_);
    if (close == std::string_view::npos) {
      good_index_ = false;
      ++pos_;
      return;
    }
    const auto number = parse_uint(format_.substr(pos_ + 1, close - pos_ - 1));
    pos_ = close + 1;
    good_index_ = number && *number >= 1 && *number <= values_.size();
    if (good_index_) next_ = *number - 1;
  }

  void extra() {
    out_.append("%!(EXTRA ");
    for (std::size_t i = next_; i < values_.size(); ++i) {
      if (i > next_) out_.append(", ");
      if (values_[i].is_null())
        out_.append("<nil>");
      else
        out_.append(type_name(values_[i])).append("=").append(print_value(values_[i]));
    }
    out_.push_back(')');
  }

  std::string_view format_;
  std::span<const Json> values_;
  std::size_t pos_ = 0;
  std::size_t next_ = 0;
  bool reordered_ = false;
  bool good_index_ = true;
  std::string out_;
};

}  // namespace

std::string_view type_name(const Json& value) {
  if (value.is_string()) return "string";
  if (value.is_boolean()) return "bool";
  if (value.is_number_integer()) return "int";
  if (value.is_number_float()) return "float64";
  if (value.is_array()) return "[]interface {}";
  if (value.is_object()) return "map[string]interface {}";
  return "nil";
}

std::string print_value(const Json& value) { return format_one(value, 'v', {}); }

std::string sprint(std::span<const Json> values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0 && !values[i].is_string() && !values[i - 1].is_string()) out.push_back(' ');
    out.append(print_value(values[i]));
  }
  return out;
}

std::string sprintln(std::span<const Json> values) {
  std::string out;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out.push_back(' ');
    out.append(print_value(values[i]));
  }
  return out.append("\n");
}

std::string sprintf(std::string_view format, std::span<const Json> values) {
  return Printf(format, values).run();
}

}  // namespace kiln::format
