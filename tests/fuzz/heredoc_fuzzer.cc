// SPDX-License-Identifier: Apache-2.0
// Heredocs: the input is what follows an instruction's keyword, which its first byte chooses.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "dockerfile/expand.h"
#include "dockerfile/heredoc.h"
#include "dockerfile/parser.h"
#include "dockerfile/syntax_tree.h"

namespace {

using namespace kiln::dockerfile;

std::optional<std::string> find_variable(std::string_view name) {
  if (name == "X") return "value";
  return std::nullopt;
}

void check_heredocs(const std::vector<Heredoc>& heredocs) {
  for (const Heredoc& heredoc : heredocs) {
    CHECK(heredoc.content.empty() || heredoc.content.ends_with('\n'));
    CHECK(chomp_leading_tabs(heredoc.file_content()) == heredoc.file_content() || !heredoc.chomp);
    static_cast<void>(expand_heredoc(heredoc.file_content(), find_variable).ok());
  }
}

const std::vector<Heredoc>* heredocs_of(const Instruction& instruction) {
  if (const auto* run = std::get_if<Run>(&instruction.value)) return &run->heredocs;
  if (const auto* copy = std::get_if<Copy>(&instruction.value)) return &copy->heredocs;
  return nullptr;
}

/// A trigger's text, from an image's config, comes to the same heredocs again.
void check_trigger(const Onbuild& onbuild) {
  if (onbuild.trigger == nullptr) return;
  const auto again = parse_instruction(onbuild.text, '\\');
  const auto* before = heredocs_of(*onbuild.trigger);
  if (!again.ok() || before == nullptr) return;
  const auto* after = heredocs_of(*again);
  CHECK(after != nullptr && after->size() == before->size());
  for (std::size_t i = 0; i < before->size(); ++i) {
    CHECK((*after)[i].name == (*before)[i].name);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr const char* kKeywords[] = {"RUN ",         "COPY ",         "ADD ",
                                       "ONBUILD RUN ", "ONBUILD COPY ", "RUN cat "};
  const std::string rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::string text = std::string("FROM scratch\n") + kKeywords[data[0] % 6] + rest;
  const auto file = parse("Dockerfile", text);
  if (!file.ok()) return 0;
  for (const Stage& stage : file->stages) {
    for (const Instruction& instruction : stage.instructions) {
      if (const auto* heredocs = heredocs_of(instruction)) check_heredocs(*heredocs);
      if (const auto* onbuild = std::get_if<Onbuild>(&instruction.value)) check_trigger(*onbuild);
    }
  }
  CHECK(syntax_tree("Dockerfile", text).ok());
  const auto word = parse_heredoc_word(rest);
  if (word.ok() && *word) CHECK(rest.find("<<") != std::string::npos);
  return 0;
}
