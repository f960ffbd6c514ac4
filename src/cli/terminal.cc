// SPDX-License-Identifier: Apache-2.0
#include "cli/terminal.h"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "format/utf8.h"

namespace kiln::cli {
namespace {

constexpr std::string_view kReset = "\033[0m";
constexpr std::size_t kTabStop = 8;
// Escape sequences that go on for longer than this are taken for text that is dropped no further.
constexpr std::size_t kMaxSequence = 4096;

constexpr std::array<std::pair<std::string_view, int>, 16> kColourNames = {{
    {"black", 30},
    {"red", 31},
    {"green", 32},
    {"yellow", 33},
    {"blue", 34},
    {"magenta", 35},
    {"cyan", 36},
    {"white", 37},
    {"light-black", 90},
    {"light-red", 91},
    {"light-green", 92},
    {"light-yellow", 93},
    {"light-blue", 94},
    {"light-magenta", 95},
    {"light-cyan", 96},
    {"light-white", 97},
}};

std::optional<std::string> parse_colour(std::string_view text) {
  for (const auto& [name, code] : kColourNames)
    if (equals_ignoring_case(name, text)) return fmt::format("\033[{}m", code);
  const auto parts = split(text, ',');
  if (parts.size() != 3) return std::nullopt;
  std::array<std::uint64_t, 3> rgb{};
  for (std::size_t i = 0; i < rgb.size(); ++i) {
    const auto level = parse_uint(trim(parts[i]));
    if (!level || *level > 255) return std::nullopt;
    rgb[i] = *level;
  }
  return fmt::format("\033[38;2;{};{};{}m", rgb[0], rgb[1], rgb[2]);
}

/// The size of the escape sequence at the start of `text` (ECMA-48), which begins with ESC.
std::size_t sequence_size(std::string_view text) {
  if (text.size() < 2) return text.size();
  const char kind = text[1];
  if (kind == '[') {
    for (std::size_t i = 2; i < text.size(); ++i) {
      const auto byte = static_cast<unsigned char>(text[i]);
      if (byte >= 0x40 && byte <= 0x7E) return i + 1;
      if (byte < 0x20 || byte > 0x7E) return i;
    }
    return text.size();
  }
  if (std::string_view("]PX^_").find(kind) != std::string_view::npos) {
    for (std::size_t i = 2; i < text.size() && i < kMaxSequence; ++i) {
      if (text[i] == '\a') return i + 1;
      if (text[i] == '\033') return i + 1 < text.size() && text[i + 1] == '\\' ? i + 2 : i;
    }
    return std::min(text.size(), kMaxSequence);
  }
  std::size_t i = 1;
  while (i < text.size() && text[i] >= 0x20 && text[i] <= 0x2F) ++i;
  return std::min(i + 1, text.size());
}

bool sets_colours(std::string_view sequence) {
  return sequence.starts_with("\033[") && sequence.ends_with('m') &&
         sequence.find_first_not_of("0123456789;:", 2) == sequence.size() - 1;
}

}  // namespace

std::string Colours::paint(std::string_view colour, std::string_view text) {
  if (colour.empty()) return std::string(text);
  return std::string(colour).append(text).append(kReset);
}

Colours choose_colours(std::string_view no_color, std::string_view buildkit_colors) {
  if (!no_color.empty()) return {};
  Colours colours{
      .run = "\033[34m", .warning = "\033[33m", .error = "\033[31m", .cancel = "\033[33m"};
  for (const std::string_view rule : split(buildkit_colors, ':')) {
    const auto [name, value] = split_once(rule, '=');
    const auto colour = value ? parse_colour(*value) : std::nullopt;
    if (!colour) continue;
    if (name == "run") colours.run = *colour;
    if (name == "warning") colours.warning = *colour;
    if (name == "error") colours.error = *colour;
    if (name == "cancel") colours.cancel = *colour;
  }
  return colours;
}

std::string sanitize_line(std::string_view line, Escapes escapes) {
  std::string out;
  std::size_t column = 0;
  bool coloured = false;
  while (!line.empty()) {
    if (line[0] == '\033') {
      const auto size = sequence_size(line);
      const std::string_view sequence = line.substr(0, size);
      if (escapes == Escapes::colours && sets_colours(sequence)) {
        out.append(sequence);
        coloured = sequence != kReset && sequence != "\033[m";
      }
      line.remove_prefix(size);
      continue;
    }
    const format::Rune rune = format::decode_rune(line);
    line.remove_prefix(rune.size);
    if (rune.code == '\t') {
      const auto blanks = kTabStop - column % kTabStop;
      out.append(blanks, ' ');
      column += blanks;
    } else if (format::is_printable(rune.code) || format::display_width(rune.code) > 0) {
      format::append_rune(out, rune.code);
      column += static_cast<std::size_t>(format::display_width(rune.code));
    }
  }
  if (coloured) out.append(kReset);
  return out;
}

std::string escape_controls(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const format::Rune rune = format::decode_rune(text);
    const bool stays = rune.code == '\t' || rune.code == '\n' || text.starts_with("\r\n");
    if (!rune.valid || (rune.code < 0x20 && !stays) || rune.code == 0x7F) {
      out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[0]));
    } else if (rune.code >= 0x80 && rune.code < 0xA0) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(rune.code));
    } else {
      out.append(text.substr(0, rune.size));
    }
    text.remove_prefix(rune.size);
  }
  return out;
}

}  // namespace kiln::cli
