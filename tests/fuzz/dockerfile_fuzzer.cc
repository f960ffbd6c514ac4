// SPDX-License-Identifier: Apache-2.0
// A Dockerfile from anyone: parsed, quoted in errors, printed as a tree.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "dockerfile/parser.h"
#include "dockerfile/syntax_tree.h"

namespace {

using namespace kiln::dockerfile;

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

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto file = parse("Dockerfile", std::string(text));
  if (file.ok()) check_file(*file, text);
  static_cast<void>(parse_instruction(text, '\\').ok());
  static_cast<void>(find_syntax(Source("Dockerfile", std::string(text))));
  CHECK(syntax_tree("Dockerfile", std::string(text)).ok() == file.ok());
  return 0;
}
