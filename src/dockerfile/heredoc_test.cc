// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/heredoc.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dockerfile/parser.h"

namespace kiln::dockerfile {
namespace {

// Inside a test, Run is a member of testing::Test.
using RunInstruction = Run;

using ::testing::IsEmpty;

Instruction first_instruction(const std::string& text) {
  auto file = parse("Dockerfile", "FROM busybox\n" + text);
  EXPECT_TRUE(file.ok()) << file.error().message();
  if (!file.ok() || file->stages[0].instructions.empty()) return {};
  return file->stages[0].instructions[0];
}

Run run_of(const std::string& text) { return std::get<Run>(first_instruction(text).value); }
Copy copy_of(const std::string& text) { return std::get<Copy>(first_instruction(text).value); }

TEST(ParseHeredocWord, NamesAndQuotes) {
  struct Row {
    const char* word;
    /// Null: no heredoc.
    const char* name;
    bool expand;
    bool chomp;
  };
  const Row rows[] = {
      {"<<EOF", "EOF", true, false},        {"<<-EOF", "EOF", true, true},
      {"3<<EOF", "EOF", true, false},       {"<< EOF", "EOF", true, false},
      {"<<-  EOF", "EOF", true, true},      {"<<\"EOF\"", "EOF", false, false},
      {"<<'EOF'", "EOF", false, false},     {"<<-'EOF'", "EOF", false, true},
      {"<<E'O'F", "EOF", false, false},     {"<<E\\'F", "E'F", true, false},
      {"<<'E'\\'F", "E'F", false, false},   {"<<'one two'", "one two", false, false},
      {"<<$EOF", "$EOF", true, false},      {"<<file.txt", "file.txt", true, false},
      {"<<<EOF", nullptr, false, false},    {"<<EOF<", nullptr, false, false},
      {"<<", nullptr, false, false},        {"<<\"\"", nullptr, false, false},
      {"<EOF", nullptr, false, false},      {"a<<EOF", nullptr, false, false},
      {"\"<<EOF\"", nullptr, false, false}, {"<<a b", nullptr, false, false},
  };
  for (const auto& [word, name, expand, chomp] : rows) {
    const auto result = parse_heredoc_word(word);
    ASSERT_TRUE(result.ok()) << word;
    ASSERT_EQ(result->has_value(), name != nullptr) << word;
    if (name == nullptr) continue;
    EXPECT_EQ((*result)->name, name) << word;
    EXPECT_EQ((*result)->expand, expand) << word;
    EXPECT_EQ((*result)->chomp, chomp) << word;
  }
}

TEST(Heredoc, Contents) {
  struct Row {
    const char* text;
    const char* content;
  };
  const Row rows[] = {
      {"RUN <<EOF\nEOF\n", ""},
      {"RUN <<EOF\nEOF", ""},
      {"RUN <<EOF\na\n\n  b \nEOF\n", "a\n\n  b \n"},
      {"RUN <<EOF\n# no comment\nRUN x \\\nEOF\n", "# no comment\nRUN x \\\n"},
      {"RUN <<EOF\n EOF\nEOF x\nEOF\n", " EOF\nEOF x\n"},
      {"RUN <<EOF\n\ta\n\tEOF\nEOF\n", "\ta\n\tEOF\n"},
      {"RUN <<-EOF\n\ta\n\t\tEOF\n", "\ta\n"},
      {"RUN <<EOF\r\na\r\nEOF\r\n", "a\r\n"},
      {"RUN <<'one two'\na\none two\n", "a\n"},
      {"RUN \\\n  <<EOF\na\nEOF\n", "a\n"},
      {"RUN <<EOF cat \\\n  >x\na\nEOF\n", "a\n"},
      {"RUN --mount=type=tmpfs,target=/a <<EOF\na\nEOF\n", "a\n"},
      {"RUN cat <<  EOF  > foo\na\nEOF\n", "a\n"},
  };
  for (const auto& [text, content] : rows) {
    const RunInstruction run = run_of(text);
    ASSERT_EQ(run.heredocs.size(), 1U) << text;
    EXPECT_EQ(run.heredocs[0].content, content) << text;
  }
}

TEST(Heredoc, OnlyWhereAShellWouldSeeOne) {
  for (const char* text : {"RUN \"<<EOF\"", "RUN '<<EOF'", "RUN [\"cat\", \"<<EOF\"]",
                           "RUN cat <<<EOF", "RUN a<<EOF", "RUN \\<<EOF", "RUN x=$((1<<2)) it's"}) {
    EXPECT_THAT(run_of(text).heredocs, IsEmpty()) << text;
  }
  for (const char* text : {"USER <<EOF", "CMD <<EOF", "LABEL a=<<EOF", "ENV a <<EOF"}) {
    const auto file = parse("Dockerfile", std::string("FROM a\n") + text + "\n");
    EXPECT_TRUE(file.ok()) << text;
  }
}

TEST(Heredoc, SeveralInOneInstruction) {
  const Copy copy = copy_of("COPY <<X a <<-'Y' /dest/\nY\nX\n\tX\n\tY\n");
  ASSERT_EQ(copy.heredocs.size(), 2U);
  EXPECT_EQ(copy.heredocs[0].name, "X");
  EXPECT_EQ(copy.heredocs[0].content, "Y\n");
  EXPECT_EQ(copy.heredocs[0].content_line, 3U);
  EXPECT_TRUE(copy.heredocs[0].expand);
  EXPECT_EQ(copy.heredocs[0].range, (Range{{2, 6}, {2, 9}}));
  EXPECT_EQ(copy.heredocs[1].name, "Y");
  EXPECT_EQ(copy.heredocs[1].content, "\tX\n");
  EXPECT_EQ(copy.heredocs[1].file_content(), "X\n");
  EXPECT_FALSE(copy.heredocs[1].expand);
  ASSERT_EQ(copy.sources.size(), 1U);
  EXPECT_EQ(copy.sources[0].text, "a");
  EXPECT_EQ(copy.destination.text, "/dest/");
}

TEST(Heredoc, OfTwoWithOneNameBothHaveTheLastContent) {
  const Copy copy = copy_of("COPY <<A <<A /x/\n1\nA\n2\nA\n");
  ASSERT_EQ(copy.heredocs.size(), 2U);
  EXPECT_EQ(copy.heredocs[0].content, "2\n");
  EXPECT_EQ(copy.heredocs[1].content, "2\n");
}

TEST(Heredoc, RunKnowsWhetherItIsAllThereIs) {
  EXPECT_TRUE(run_of("RUN <<EOF\na\nEOF\n").heredoc_only);
  EXPECT_TRUE(run_of("RUN --network=none <<-EOF\na\nEOF\n").heredoc_only);
  EXPECT_FALSE(run_of("RUN <<EOF cat\na\nEOF\n").heredoc_only);
  EXPECT_FALSE(run_of("RUN <<A <<B\nA\nB\n").heredoc_only);
  EXPECT_FALSE(run_of("RUN a\n").heredoc_only);
  const RunInstruction run = run_of("RUN python3 <<EOF > x\na\nEOF\n");
  EXPECT_EQ(run.command.shell, "python3 <<EOF > x");
}

TEST(ChompLeadingTabs, OfEveryLine) {
  EXPECT_EQ(chomp_leading_tabs("\ta\n\t\tb\tc\n d\n\t"), "a\nb\tc\n d\n");
  EXPECT_EQ(chomp_leading_tabs(""), "");
}

}  // namespace
}  // namespace kiln::dockerfile
