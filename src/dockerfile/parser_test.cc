// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::dockerfile {
namespace {

// Inside a test, Run is a member of testing::Test.
using RunInstruction = Run;

using ::testing::ElementsAre;
using ::testing::IsEmpty;

Dockerfile parsed(std::string text) {
  auto result = parse("Dockerfile", std::move(text));
  EXPECT_TRUE(result.ok()) << result.error().message();
  return result.ok() ? std::move(*result) : Dockerfile();
}

/// The only instruction of a stage.
Instruction single(const std::string& text) {
  Dockerfile file = parsed("FROM busybox\n" + text);
  if (file.stages.size() != 1 || file.stages[0].instructions.size() != 1) {
    ADD_FAILURE() << text << " is not one instruction";
    return {};
  }
  return std::move(file.stages[0].instructions[0]);
}

template <typename T>
T single_as(const std::string& text) {
  Instruction instruction = single(text);
  if (!std::holds_alternative<T>(instruction.value)) {
    ADD_FAILURE() << text << " is another instruction";
    return {};
  }
  return std::get<T>(std::move(instruction.value));
}

std::vector<std::string> texts(const std::vector<Word>& words) {
  std::vector<std::string> out;
  for (const Word& word : words) out.push_back(word.text);
  return out;
}

std::vector<std::string> pairs(const std::vector<KeyValue>& pairs) {
  std::vector<std::string> out;
  for (const auto& pair : pairs) {
    out.push_back(pair.has_value ? pair.key.text + "|" + pair.value.text : pair.key.text);
  }
  return out;
}

TEST(Parser, StagesAndGlobalArguments) {
  const Dockerfile file = parsed(
      "ARG A=1 B\n"
      "# base is what all share\n"
      "from --platform=$BUILDPLATFORM alpine:3 as Base\n"
      "RUN a\n"
      "FROM base\n"
      "COPY --from=0 a b\n"
      "RUN c\n");
  ASSERT_EQ(file.global_args.size(), 1U);
  EXPECT_THAT(pairs(std::get<Arg>(file.global_args[0].value).pairs), ElementsAre("A|1", "B"));
  ASSERT_EQ(file.stages.size(), 2U);
  EXPECT_EQ(file.stages[0].from.image.text, "alpine:3");
  EXPECT_EQ(file.stages[0].from.platform->text, "$BUILDPLATFORM");
  EXPECT_EQ(file.stages[0].name, "base");
  EXPECT_EQ(file.stages[0].original, "from --platform=$BUILDPLATFORM alpine:3 as Base");
  EXPECT_THAT(file.stages[0].comments, ElementsAre("base is what all share"));
  EXPECT_EQ(file.stages[0].instructions.size(), 1U);
  EXPECT_EQ(file.stages[1].name, "");
  EXPECT_FALSE(file.stages[1].from.name);
  EXPECT_EQ(file.stages[1].instructions.size(), 2U);
  EXPECT_THAT(file.warnings, IsEmpty());
}

TEST(Parser, ArgInsideAStageIsNotGlobal) {
  const Dockerfile file = parsed("FROM a\nARG B\n");
  EXPECT_THAT(file.global_args, IsEmpty());
  EXPECT_EQ(file.stages[0].instructions[0].keyword, "ARG");
}

TEST(Parser, JoinsContinuationLines) {
  struct Row {
    const char* text;
    const char* shell;
  };
  const Row rows[] = {
      {"RUN a b", "a b"},
      {"RUN a \\\n b", "a  b"},
      {"RUN a\\\nb", "ab"},
      {"RUN a \\  \t\nb", "a b"},
      {"RUN a \\\r\nb\r\n", "a b"},
      {"RUN a \\\n# comment\n  # another\nb", "a b"},
      {"RUN a \\\n\n  \nb", "a b"},
      {"RUN a \\\\\n", "a \\\\"},
      {"RUN a \\x\n", "a \\x"},
      {"RUN a # b\n", "a # b"},
      {"RUN \\\na", "a"},
      {"\\\nRUN a", "a"},
      {"RUN a \\\n\\\n\\\nb", "a b"},
      {"RUN a \\", "a"},
      {"RUN a \\\n", "a"},
      {"  \t RUN\t a\t", "a"},
      {"run a", "a"},
      {"RUN a; \\\n    b; \\\n    c", "a;     b;     c"},
      {"RUN", ""},
  };
  for (const auto& [text, shell] : rows) {
    EXPECT_EQ(single_as<RunInstruction>(text).command.shell, shell) << text;
  }
}

TEST(Parser, EscapeDirectiveChangesTheContinuationCharacter) {
  const Dockerfile file = parsed("# escape=`\nFROM a\nRUN dir c:\\ `\n  b\nENV x=a` b\n");
  EXPECT_EQ(file.directives.escape, '`');
  const auto& instructions = file.stages[0].instructions;
  EXPECT_EQ(std::get<RunInstruction>(instructions[0].value).command.shell, "dir c:\\   b");
  EXPECT_THAT(pairs(std::get<Env>(instructions[1].value).pairs), ElementsAre("x|a` b"));
}

TEST(Parser, Directives) {
  struct Row {
    const char* text;
    const char* syntax;
    const char* check;
    char escape;
  };
  const Row rows[] = {
      {"FROM a\n", "", "", '\\'},
      {"# syntax=docker/dockerfile:1\nFROM a\n", "docker/dockerfile:1", "", '\\'},
      {"#syntax=x\nFROM a\n", "x", "", '\\'},
      {"# SynTax = x y \nFROM a\n", "x y", "", '\\'},
      {"  # escape = `\nFROM a\n", "", "", '`'},
      {"# check=skip=all;error=true\n# escape=`\n# syntax=x\nFROM a\n", "x", "skip=all;error=true",
       '`'},
      {"# a comment\n# escape=`\nFROM a\n", "", "", '\\'},
      {"# other=x\n# escape=`\nFROM a\n", "", "", '\\'},
      {"\n# escape=`\nFROM a\n", "", "", '\\'},
      {"# escape=\nFROM a\n", "", "", '\\'},
      {"FROM a\n# escape=`\n", "", "", '\\'},
      {"\xEF\xBB\xBF# escape=`\nFROM a\n", "", "", '`'},
      {"#!/usr/bin/env x\n# syntax=x\nFROM a\n", "x", "", '\\'},
      {"#!/usr/bin/env x\n# escape=`\nFROM a\n", "", "", '\\'},
      {"# escape=`\r\nFROM a\r\n", "", "", '`'},
  };
  for (const auto& [text, syntax, check, escape] : rows) {
    const Directives directives = parsed(text).directives;
    EXPECT_EQ(directives.syntax ? directives.syntax->text : "", syntax) << text;
    EXPECT_EQ(directives.check ? directives.check->text : "", check) << text;
    EXPECT_EQ(directives.escape, escape) << text;
  }
}

TEST(FindSyntax, AlsoKnowsOtherKindsOfFiles) {
  const auto found = [](const char* text) {
    return find_syntax(Source("f", text)).value_or("none");
  };
  EXPECT_EQ(found("# syntax=a b\n"), "a");
  EXPECT_EQ(found("// syntax = a\n// check=x\n"), "a");
  EXPECT_EQ(found("{\"syntax\": \"a\"}"), "a");
  EXPECT_EQ(found("#!/bin/x\n{\"syntax\": \"a\"}"), "a");
  EXPECT_EQ(found("{\"syntax\": 1}"), "none");
  EXPECT_EQ(found("FROM a\n# syntax=a\n"), "none");
  EXPECT_EQ(found(""), "none");
}

TEST(Parser, ExecAndShellForm) {
  struct Row {
    const char* text;
    std::vector<std::string> argv;
    const char* shell;
  };
  const Row rows[] = {
      {"CMD [\"a\", \"b c\"]", {"a", "b c"}, ""},
      {"CMD  [ \"a\"\t,\"b\" ] ", {"a", "b"}, ""},
      {"CMD [\"a\", \\\n  \"b\"]", {"a", "b"}, ""},
      {"CMD [\"\\u00e4\\n\\\"\"]", {"ä\n\""}, ""},
      {"CMD []", {}, ""},
      {"CMD ['a']", {}, "['a']"},
      {"CMD [\"a\"", {}, "[\"a\""},
      {"CMD [\"a\",]", {}, "[\"a\",]"},
      {"CMD [\"a\"] b", {}, "[\"a\"] b"},
      {"CMD [a]", {}, "[a]"},
      {"CMD [ -f x ] && y", {}, "[ -f x ] && y"},
      {"CMD \"a\"", {}, "\"a\""},
      {"CMD {\"a\": 1}", {}, "{\"a\": 1}"},
      {"CMD", {}, ""},
  };
  for (const auto& [text, argv, shell] : rows) {
    const CommandLine command = single_as<Cmd>(text).command;
    EXPECT_EQ(command.argv, argv) << text;
    EXPECT_EQ(command.shell, shell) << text;
    EXPECT_EQ(command.exec_form, command.shell.empty() && std::string_view(text) != "CMD") << text;
  }
  EXPECT_TRUE(single_as<Entrypoint>("ENTRYPOINT [\"a\"]").command.exec_form);
  EXPECT_THAT(single_as<Shell>("SHELL [\"bash\", \"-c\"]").argv, ElementsAre("bash", "-c"));
}

TEST(Parser, EnvAndLabelPairs) {
  struct Row {
    const char* text;
    std::vector<std::string> expected;
  };
  const Row rows[] = {
      {"ENV a=b", {"a|b"}},
      {"ENV a=b c=d", {"a|b", "c|d"}},
      {"ENV a=", {"a|"}},
      {"ENV a=\"b c\" d=e", {"a|\"b c\"", "d|e"}},
      {"ENV a='b c'", {"a|'b c'"}},
      {"ENV a=b\\ c", {"a|b\\ c"}},
      {"ENV a=\"b\\\"c\" d=e", {"a|\"b\\\"c\"", "d|e"}},
      {"ENV a='b\\' c=d", {"a|'b\\'", "c|d"}},
      {"ENV a=b=c", {"a|b=c"}},
      {"ENV \"a b\"=c", {"\"a b\"|c"}},
      {"ENV a=$b/${c:-d}", {"a|$b/${c:-d}"}},
      {"ENV a b", {"a|b"}},
      {"ENV a b=c d", {"a|b=c d"}},
      {"ENV a  \"b  c\" ", {"a|\"b  c\""}},
      {"ENV a=b \\\n c=d", {"a|b", "c|d"}},
  };
  for (const auto& [text, expected] : rows) {
    EXPECT_EQ(pairs(single_as<Env>(text).pairs), expected) << text;
  }
  EXPECT_TRUE(single_as<Env>("ENV a b").pairs[0].legacy);
  EXPECT_FALSE(single_as<Env>("ENV a=b").pairs[0].legacy);
  EXPECT_THAT(pairs(single_as<Label>("LABEL \"a.b\"=\"c d\" e=f").pairs),
              ElementsAre("\"a.b\"|\"c d\"", "e|f"));
}

TEST(Parser, ArgPairs) {
  EXPECT_THAT(pairs(single_as<Arg>("ARG a").pairs), ElementsAre("a"));
  EXPECT_THAT(pairs(single_as<Arg>("ARG a=").pairs), ElementsAre("a|"));
  EXPECT_THAT(pairs(single_as<Arg>("ARG a=\"b c\" d e=$f").pairs),
              ElementsAre("a|\"b c\"", "d", "e|$f"));
}

TEST(Parser, CopyAndAdd) {
  const Copy copy = single_as<Copy>(
      "COPY --from=build --chown=a:b --chmod=755 --link --parents=false --exclude=*.o --exclude=x "
      "a b c/");
  EXPECT_FALSE(copy.is_add);
  EXPECT_THAT(texts(copy.sources), ElementsAre("a", "b"));
  EXPECT_EQ(copy.destination.text, "c/");
  EXPECT_EQ(copy.from->text, "build");
  EXPECT_EQ(copy.chown->text, "a:b");
  EXPECT_EQ(copy.chmod->text, "755");
  EXPECT_TRUE(copy.link);
  EXPECT_FALSE(copy.parents);
  EXPECT_THAT(texts(copy.exclude), ElementsAre("*.o", "x"));
  EXPECT_FALSE(copy.unpack);

  const Copy add = single_as<Copy>(
      "ADD --checksum=sha256:1 --unpack=FALSE --keep-git-dir --link=True https://x/y /z");
  EXPECT_TRUE(add.is_add);
  EXPECT_EQ(add.checksum->text, "sha256:1");
  EXPECT_EQ(add.unpack, false);
  EXPECT_EQ(add.keep_git_dir, true);
  EXPECT_TRUE(add.link);

  const Copy json = single_as<Copy>("COPY [\"a b\", \"c\"]");
  EXPECT_THAT(texts(json.sources), ElementsAre("a b"));
  EXPECT_EQ(json.destination.text, "c");
  EXPECT_EQ(json.sources[0].range, (Range{{2, 7}, {2, 12}}));

  EXPECT_THAT(texts(single_as<Copy>("COPY \"a b\" c").sources), ElementsAre("\"a", "b\""));
  EXPECT_FALSE(single_as<Copy>("COPY --from= a b").from);
}

TEST(Parser, FlagsMayBeQuotedAndEndAtDoubleDash) {
  EXPECT_EQ(single_as<Copy>("COPY --chown=\"a b\" x y").chown->text, "a b");
  EXPECT_EQ(single_as<Copy>("COPY --chown=a\\ b x y").chown->text, "a b");
  EXPECT_EQ(single_as<Copy>("COPY \"--chown=a\" x y").sources.size(), 2U);
  EXPECT_THAT(texts(single_as<Copy>("COPY -- --link x").sources), ElementsAre("--link"));
  EXPECT_EQ(single_as<RunInstruction>("RUN -x --network=none").command.shell, "-x --network=none");
  EXPECT_EQ(single_as<Copy>("COPY \\\n --chown=a \\\n x y").chown->text, "a");
}

TEST(Parser, RunFlags) {
  const RunInstruction run = single_as<RunInstruction>(
      "RUN --mount=type=cache,target=/a --mount=type=bind,from=x,target=$B --network=none "
      "--security=insecure --device=vendor.com/gpu=all,required make");
  EXPECT_EQ(run.command.shell, "make");
  ASSERT_EQ(run.flags.size(), 5U);
  EXPECT_EQ(run.flags[0].name, "mount");
  EXPECT_EQ(run.flags[1].value, "type=bind,from=x,target=$B");
  EXPECT_EQ(run.flags[2].value, "none");
}

TEST(Parser, OneWordInstructionsTakeTheRestOfTheLine) {
  EXPECT_EQ(single_as<Workdir>("WORKDIR /a b ").path.text, "/a b");
  EXPECT_EQ(single_as<User>("USER a:b").user.text, "a:b");
  EXPECT_EQ(single_as<StopSignal>("STOPSIGNAL SIGTERM").signal.text, "SIGTERM");
  EXPECT_EQ(single_as<Maintainer>("MAINTAINER A B <a@b>").name, "A B <a@b>");
}

TEST(Parser, ExposeAndVolume) {
  EXPECT_THAT(texts(single_as<Expose>("EXPOSE 80 443/tcp $P").ports),
              ElementsAre("80", "443/tcp", "$P"));
  EXPECT_THAT(texts(single_as<Volume>("VOLUME /a /b").paths), ElementsAre("/a", "/b"));
  EXPECT_THAT(texts(single_as<Volume>("VOLUME [\"/a b\", \" /c \"]").paths),
              ElementsAre("/a b", "/c"));
  EXPECT_THAT(texts(single_as<Volume>("VOLUME [/a]").paths), ElementsAre("[/a]"));
}

TEST(Parser, Healthcheck) {
  const Healthcheck check = single_as<Healthcheck>(
      "HEALTHCHECK --interval=1m30s --timeout=1.5s --start-period=0 --start-interval=500ms "
      "--retries=3 cmd curl -f x");
  EXPECT_FALSE(check.none);
  EXPECT_EQ(check.interval, 90'000'000'000);
  EXPECT_EQ(check.timeout, 1'500'000'000);
  EXPECT_FALSE(check.start_period);
  EXPECT_EQ(check.start_interval, 500'000'000);
  EXPECT_EQ(check.retries, 3U);
  EXPECT_EQ(check.command.shell, "curl -f x");

  EXPECT_TRUE(single_as<Healthcheck>("HEALTHCHECK NONE").none);
  EXPECT_THAT(single_as<Healthcheck>("HEALTHCHECK CMD [\"a\"]").command.argv, ElementsAre("a"));
}

TEST(Parser, Onbuild) {
  const Onbuild onbuild = single_as<Onbuild>("ONBUILD  copy --from=x a b");
  EXPECT_EQ(onbuild.text, "copy --from=x a b");
  ASSERT_TRUE(onbuild.trigger);
  EXPECT_EQ(onbuild.trigger->keyword, "COPY");
  EXPECT_EQ(std::get<Copy>(onbuild.trigger->value).from->text, "x");
}

TEST(Parser, OnbuildTextIsTheRestOfTheLogicalLine) {
  EXPECT_EQ(single_as<Onbuild>("ONBUILD   RUN a \\\n b  \n").text, "RUN a  b  ");
  EXPECT_EQ(single_as<Onbuild>("ONBUILD   RUN <<EOF   \nx\nEOF\n").text, "RUN <<EOF   \nx\nEOF");
}

TEST(Parser, OnbuildKeepsHeredocs) {
  const Onbuild onbuild = single_as<Onbuild>("ONBUILD COPY <<A <<B /x/\na\nA\nb\nB\n");
  EXPECT_EQ(onbuild.text, "COPY <<A <<B /x/\na\nA\nb\nB");
  EXPECT_EQ(std::get<Copy>(onbuild.trigger->value).heredocs[1].content, "b\n");
  const auto again = parse_instruction(onbuild.text, '\\');
  ASSERT_TRUE(again.ok());
  EXPECT_EQ(std::get<Copy>(again->value).heredocs[0].content, "a\n");
}

TEST(Parser, OnbuildWithABadTriggerIsOnlyAWarning) {
  for (const char* text : {"ONBUILD FOO bar\n", "ONBUILD COPY x\n", "ONBUILD RUN --foo x\n"}) {
    const Dockerfile file = parsed(std::string("FROM a\n") + text);
    ASSERT_EQ(file.warnings.size(), 1U) << text;
    EXPECT_EQ(file.warnings[0].range.begin.line, 2U);
    EXPECT_FALSE(std::get<Onbuild>(file.stages[0].instructions[0].value).trigger);
  }
}

TEST(ParseInstruction, TakesOneTrigger) {
  const auto run = parse_instruction("RUN a \\\n b", '\\');
  ASSERT_TRUE(run.ok());
  EXPECT_EQ(run->original, "RUN a  b");
  for (const char* text :
       {"", "# c", "FROM a", "ONBUILD RUN a", "MAINTAINER a", "RUN a\nRUN b", "FOO", "COPY a"}) {
    EXPECT_FALSE(parse_instruction(text, '\\').ok()) << text;
  }
}

TEST(Parser, WarnsOfWhatIsLikelyAMistake) {
  const Dockerfile file = parsed("FROM a\nRUN a \\\n\n b\nSTOPSIGNAL --x 9\nARG --y z\n");
  ASSERT_EQ(file.warnings.size(), 3U);
  EXPECT_EQ(file.warnings[0].message, "Empty continuation line");
  EXPECT_EQ(file.warnings[0].range.begin.line, 3U);
  EXPECT_EQ(file.warnings[1].message, "STOPSIGNAL has no flags: --x is ignored");
  EXPECT_EQ(file.warnings[2].message, "ARG has no flags: --y is ignored");
}

TEST(Parser, RangesCoverInstructionsAndWords) {
  const Dockerfile file = parsed("FROM a\n\n  COPY b \\\n    c\nRUN <<EOF\nx\nEOF\nRUN y\n");
  const auto& copy = file.stages[0].instructions[0];
  EXPECT_EQ(copy.range, (Range{{3, 3}, {4, 6}}));
  EXPECT_EQ(copy.original, "COPY b     c");
  EXPECT_EQ(std::get<Copy>(copy.value).destination.range, (Range{{4, 5}, {4, 6}}));
  EXPECT_EQ(file.stages[0].instructions[1].range, (Range{{5, 1}, {7, 4}}));
  EXPECT_EQ(file.stages[0].instructions[2].range, (Range{{8, 1}, {8, 6}}));
  EXPECT_EQ(file.stages[0].range, (Range{{1, 1}, {1, 7}}));
}

TEST(Parser, CommentsAboveAnInstructionAreKept) {
  const Dockerfile file =
      parsed("# syntax=x\n# one\n#\n# two\n\n# three\nARG a\n# in\nFROM a\nRUN b\n");
  EXPECT_THAT(file.global_args[0].comments, ElementsAre("two", "three"));
  EXPECT_THAT(file.stages[0].comments, ElementsAre("in"));
  EXPECT_THAT(file.stages[0].instructions[0].comments, IsEmpty());
}

TEST(Parser, BytesThatAreNotUtf8) {
  const auto file = parse("Dockerfile",
                          "# caf\xE9\n"
                          "FROM scratch\n"
                          "# a\xFF b\n"
                          "LABEL \xE9=caf\xE9x \\\n"
                          "  b=c\n"
                          "COPY <<A <<'B' /d/\n\xFE\nA\n\xFE\nB\n"
                          "RUN <<EOF\n#!/bin/cat\n\xE9\nEOF\n"
                          "ONBUILD RUN \xE9\n");
  ASSERT_TRUE(file.ok()) << file.error().message();
  const auto& instructions = file->stages[0].instructions;
  EXPECT_EQ(instructions[0].comments, std::vector<std::string>{"a\uFFFD b"});
  const auto& label = std::get<Label>(instructions[0].value);
  EXPECT_EQ(label.pairs[0].key.text, "\uFFFD");
  EXPECT_EQ(label.pairs[0].value.text, "caf\uFFFDx");
  EXPECT_EQ(label.pairs[0].value.range, (Range{{4, 9}, {4, 14}}));
  EXPECT_EQ(label.pairs[1].value.range, (Range{{5, 5}, {5, 6}}));
  const auto& copy = std::get<Copy>(instructions[1].value);
  EXPECT_EQ(copy.heredocs[0].content, "\xFE\n");
  EXPECT_EQ(copy.heredocs[1].content, "\xFE\n");
  EXPECT_EQ(std::get<RunInstruction>(instructions[2].value).heredocs[0].content,
            "#!/bin/cat\n\xE9\n");
  EXPECT_EQ(std::get<Onbuild>(instructions[3].value).text, "RUN \uFFFD");
}

TEST(Parser, NulBytesInTexts) {
  using namespace std::string_literals;
  const auto file =
      parse("Dockerfile", "FROM scratch\nLABEL a=x\0y\n# \0\nENV b=\0\nCOPY <<EOF /d\n\0\nEOF\n"s);
  ASSERT_TRUE(file.ok()) << file.error().message();
  const auto& instructions = file->stages[0].instructions;
  EXPECT_EQ(std::get<Label>(instructions[0].value).pairs[0].value.text, "x\0y"s);
  EXPECT_EQ(std::get<Copy>(instructions[2].value).heredocs[0].content, "\0\n"s);
}

}  // namespace
}  // namespace kiln::dockerfile
