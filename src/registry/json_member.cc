// SPDX-License-Identifier: Apache-2.0
#include "registry/json_member.h"

#include <fmt/format.h>

#include <cstddef>
#include <optional>

#include "base/strings.h"

namespace kiln::registry {
namespace {

struct Range {
  std::size_t begin;
  std::size_t end;
};

/// Where the string that begins at `at` has ended.
std::size_t end_of_string(std::string_view text, std::size_t at) {
  for (++at; at < text.size() && text[at] != '"'; ++at) {
    if (text[at] == '\\') ++at;
  }
  return at + 1;
}

/// What is between the colon of the last member of this name and the end of its value.
std::optional<Range> find_value(std::string_view text, std::string_view key) {
  const std::string quoted = fmt::format("\"{}\"", key);
  std::optional<Range> out;
  std::size_t begin = 0;  // where no value is
  std::string_view name;
  int depth = 0;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '"') {
      const std::size_t end = end_of_string(text, at);
      if (depth == 1 && begin == 0) name = text.substr(at, end - at);
      at = end - 1;
    } else if (depth == 1 && c == ':') {
      begin = at + 1;
    } else if (depth == 1 && (c == ',' || c == '}')) {
      if (begin != 0 && name == quoted) out = Range{begin, at};
      begin = 0;
    }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
  }
  return out;
}

/// Without the white space around it.
Range trimmed(std::string_view text, Range range) {
  const std::string_view inner = trim(text.substr(range.begin, range.end - range.begin));
  const auto begin = static_cast<std::size_t>(inner.data() - text.data());
  return {begin, begin + inner.size()};
}

}  // namespace

std::string with_member(std::string_view object, std::string_view key,
                        const nlohmann::json& value) {
  const std::string whole = nlohmann::json{{key, value}}.dump(1, '\t');
  const std::string_view alone = trim(object);
  // The braces alone.
  if (trim(alone.substr(1, alone.size() - 2)).empty()) return whole + "\n";
  std::string out(object);
  if (const auto there = find_value(object, key)) {
    const Range written = trimmed(whole, find_value(whole, key).value());
    const Range old = trimmed(object, *there);
    return out.replace(old.begin, old.end - old.begin, whole, written.begin,
                       written.end - written.begin);
  }
  const std::size_t end = trimmed(object, {0, object.rfind('}')}).end;
  return fmt::format("{},{}\n", object.substr(0, end), whole.substr(1));
}

}  // namespace kiln::registry
