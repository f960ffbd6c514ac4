// SPDX-License-Identifier: Apache-2.0
// A Dockerfile, and what is in it, from anyone: parsed, expanded, matched, quoted in errors.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "dockerfile/expand.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"
#include "dockerfile/parser.h"

namespace {

using namespace kiln::dockerfile;

std::optional<std::string> find_variable(std::string_view name) {
  if (name == "X") return "a.b  c/d*\\";
  if (name == "E") return "";
  return std::nullopt;
}

void check_range(const Source& source, Range range) {
  CHECK(range.begin <= range.end);
  CHECK(range.begin.line >= 1 && range.begin.column >= 1);
  CHECK(range.end.line <= source.line_count());
  CHECK(range.end.column <= source.line(range.end.line).size() + 1);
}

void check_file(const Dockerfile& file, std::string_view text) {
  CHECK(!file.stages.empty());
  for (const Stage& stage : file.stages) {
    check_range(file.source, stage.range);
    check_range(file.source, stage.from.image.range);
    for (const Instruction& instruction : stage.instructions) {
      check_range(file.source, instruction.range);
      if (const auto* copy = std::get_if<Copy>(&instruction.value)) {
        for (const Word& word : copy->sources) {
          check_range(file.source, word.range);
          CHECK(word.text.size() <= text.size());
        }
      } else if (const auto* onbuild = std::get_if<Onbuild>(&instruction.value)) {
        static_cast<void>(parse_instruction(onbuild->text, file.directives.escape).ok());
      }
    }
  }
  if (!file.warnings.empty()) static_cast<void>(to_error(file.source, file.warnings));
}

void expand_all_ways(std::string_view text) {
  for (const char escape : {'\\', '`'}) {
    for (const auto quotes : {Quotes::remove, Quotes::keep, Quotes::literal}) {
      for (const auto escapes : {Escapes::remove, Escapes::keep}) {
        for (const auto unset : {UnsetVariables::empty, UnsetVariables::keep}) {
          const ExpandOptions options{
              .escape = escape, .quotes = quotes, .escapes = escapes, .unset = unset};
          static_cast<void>(expand(text, find_variable, options).ok());
        }
      }
    }
  }
}

void match_patterns(std::string_view text) {
  const auto patterns = IgnorePatterns::create(parse_ignore_file(text));
  if (patterns.ok()) {
    for (const char* path : {"a", "a/b/c", ".hidden", "größe/x.log", "a[b]\\"}) {
      const auto root = patterns->judge("a", nullptr);
      static_cast<void>(patterns->judge(path, &root));
      // What a walker may skip holds nothing that it would have taken.
      const std::string below = std::string(path) + "/x/a";
      if (patterns->ignores(path) && !patterns->may_contain_exceptions(path)) {
        CHECK(patterns->ignores(below));
      }
    }
  }
  const auto line = text.substr(0, text.find('\n'));
  if (const auto matches = glob_match(line, "src/main.go"); matches.ok() && line == "src/main.go") {
    CHECK(*matches);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = parse("Dockerfile", std::string(text));
  if (file.ok()) check_file(*file, text);
  static_cast<void>(parse_instruction(text, '\\').ok());
  static_cast<void>(find_syntax(Source("Dockerfile", std::string(text))));
  expand_all_ways(text);
  match_patterns(text);
  return 0;
}
