// SPDX-License-Identifier: Apache-2.0
// What the parser refuses, in BuildKit's words.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dockerfile/parser.h"

namespace kiln::dockerfile {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

std::string error_of(std::string text) {
  const auto result = parse("Dockerfile", std::move(text));
  EXPECT_FALSE(result.ok());
  if (result.ok()) return {};
  EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
  return result.error().message();
}

TEST(ParserErrors, NameTheLineAndTheRule) {
  struct Row {
    const char* text;
    unsigned line;
    const char* message;
  };
  const Row rows[] = {
      {"FORM x\n", 1, "unknown instruction: FORM (did you mean FROM?)"},
      {"FROM busybox\nRNU x\n", 2, "unknown instruction: RNU (did you mean RUN?)"},
      {"FROM busybox\nrnu x\n", 2, "unknown instruction: rnu (did you mean run?)"},
      {"FROM busybox\nNOTHING x\n", 2, "unknown instruction: NOTHING"},
      {"FROM busybox\n\\\n\n", 2, "unknown instruction: "},
      {"FROM\n", 1, "FROM requires either one or three arguments"},
      {"FROM a b\n", 1, "FROM requires either one or three arguments"},
      {"FROM a like b\n", 1, "FROM requires either one or three arguments"},
      {"FROM a AS\n", 1, "FROM requires either one or three arguments"},
      {"FROM a AS b c\n", 1, "FROM requires either one or three arguments"},
      {"FROM a AS 1b\n", 1,
       "invalid name for build stage: \"1b\", name can't start with a number or contain symbols"},
      {"FROM a AS b/c\n", 1,
       "invalid name for build stage: \"b/c\", name can't start with a number or contain symbols"},
      {"FROM --platfrom=x a\n", 1, "unknown flag: --platfrom (did you mean platform?)"},
      {"FROM --platform a\n", 1, "missing a value on flag: --platform"},
      {"FROM --platform=a --platform=b a\n", 1, "duplicate flag specified: --platform"},
      {"FROM --as=x a\n", 1, "unknown flag: --as"},
      {"RUN x\n", 1, "no build stage in current context"},
      {"ENV a=b\nFROM busybox\n", 1, "no build stage in current context"},
      {"ARG a\n", 1, "dockerfile contains no stages to build"},
      {"# only a comment\n\n", 2, "file with no instructions"},
      {"# escape=x\nFROM busybox\n", 1, "invalid escape token 'x' does not match ` or \\"},
      {"# escape=`\n# ESCAPE=\\\nFROM busybox\n", 1,
       "only one escape parser directive can be used"},
      {"# syntax=docker/dockerfile:1\n# syntax=docker/dockerfile:1\nFROM busybox\n", 1,
       "only one syntax parser directive can be used"},
      {"FROM busybox\nCOPY\n", 2,
       "COPY requires at least two arguments, but only one was provided. Destination could not be "
       "determined"},
      {"FROM busybox\nCOPY a\n", 2,
       "COPY requires at least two arguments, but only one was provided. Destination could not be "
       "determined"},
      {"FROM busybox\nADD a\n", 2,
       "ADD requires at least two arguments, but only one was provided. Destination could not be "
       "determined"},
      {"FROM busybox\nCOPY [\"a\"]\n", 2,
       "COPY requires at least two arguments, but only one was provided. Destination could not be "
       "determined"},
      {"FROM busybox\nCOPY [\"a\", 1]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nCOPY --form=x a b\n", 2, "unknown flag: --form (did you mean from?)"},
      {"FROM busybox\nCOPY --checksum=x a b\n", 2, "unknown flag: --checksum"},
      {"FROM busybox\nADD --from=x a b\n", 2, "unknown flag: --from"},
      {"FROM busybox\nCOPY --from a b\n", 2, "missing a value on flag: --from"},
      {"FROM busybox\nCOPY --from=a --from=b a b\n", 2, "duplicate flag specified: --from"},
      {"FROM busybox\nCOPY --link=maybe a b\n", 2,
       "expecting boolean value for flag --link, not: maybe"},
      {"FROM busybox\nCOPY --link= a b\n", 2, "missing a value on flag: --link"},
      {"FROM busybox\nCOPY --link --link a b\n", 2, "duplicate flag specified: --link"},
      {"FROM busybox\nCOPY a <<EOF\nx\nEOF\n", 2, "COPY cannot accept a heredoc as a destination"},
      {"FROM busybox\nADD <<A <<B\nx\nA\ny\nB\n", 2,
       "ADD cannot accept a heredoc as a destination"},
      {"FROM busybox\nCOPY <<EOF /a\nx\n", 2, "unterminated heredoc"},
      {"FROM busybox\nRUN <<A <<B\nx\nA\ny\n", 2, "unterminated heredoc"},
      {"FROM busybox\nENV\n", 2, "ENV requires at least one argument"},
      {"FROM busybox\nENV a\n", 2, "ENV must have two arguments"},
      {"FROM busybox\nENV a=b c\n", 2,
       "Syntax error - can't find = in \"c\". Must be of the form: name=value"},
      {"FROM busybox\nENV =b\n", 2, "ENV names can not be blank"},
      {"FROM busybox\nENV --x a=b\n", 2, "unknown flag: --x"},
      {"FROM busybox\nLABEL\n", 2, "LABEL requires at least one argument"},
      {"FROM busybox\nLABEL a\n", 2, "LABEL must have two arguments"},
      {"FROM busybox\nLABEL a=b =c\n", 2, "LABEL names can not be blank"},
      {"FROM busybox\nARG\n", 2, "ARG requires at least one argument"},
      {"FROM busybox\nARG =x\n", 2, "ARG names can not be blank"},
      {"FROM busybox\nEXPOSE\n", 2, "EXPOSE requires at least one argument"},
      {"FROM busybox\nEXPOSE --tcp 80\n", 2, "unknown flag: --tcp"},
      {"FROM busybox\nVOLUME\n", 2, "VOLUME requires at least one argument"},
      {"FROM busybox\nVOLUME []\n", 2, "VOLUME requires at least one argument"},
      {"FROM busybox\nVOLUME [\"\"]\n", 2, "VOLUME specified can not be an empty string"},
      {"FROM busybox\nVOLUME [\" \"]\n", 2, "VOLUME specified can not be an empty string"},
      {"FROM busybox\nVOLUME [1]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nUSER\n", 2, "USER requires exactly one argument"},
      {"FROM busybox\nWORKDIR\n", 2, "WORKDIR requires exactly one argument"},
      {"FROM busybox\nSTOPSIGNAL\n", 2, "STOPSIGNAL requires exactly one argument"},
      {"FROM busybox\nMAINTAINER\n", 2, "MAINTAINER requires exactly one argument"},
      {"FROM busybox\nWORKDIR --x /a\n", 2, "unknown flag: --x"},
      {"FROM busybox\nUSER --x a\n", 2, "unknown flag: --x"},
      {"FROM busybox\nSHELL\n", 2, "SHELL requires at least one argument"},
      {"FROM busybox\nSHELL []\n", 2, "SHELL requires at least one argument"},
      {"FROM busybox\nSHELL bash -c\n", 2, "SHELL requires the arguments to be in JSON form"},
      {"FROM busybox\nSHELL [\"a\", null]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nCMD [1]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nCMD [\"a\", [\"b\"]]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nCMD [\"a\", {\"b\": \"c\"}]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nCMD --x a\n", 2, "unknown flag: --x"},
      {"FROM busybox\nENTRYPOINT [true]\n", 2,
       "when using JSON array syntax, arrays must be comprised of strings only"},
      {"FROM busybox\nRUN --mout=type=cache x\n", 2, "unknown flag: --mout (did you mean mount?)"},
      {"FROM busybox\nRUN --mount x\n", 2, "missing a value on flag: --mount"},
      {"FROM busybox\nRUN --mount=from=$X,target=/a x\n", 2,
       "'from' doesn't support variable expansion, define alias stage instead"},
      {"FROM busybox\nRUN --mount=type=cache,\\\"a x\n", 2, "failed to parse csv mounts: "},
      {"FROM busybox\nRUN --network=bridge x\n", 2, "invalid network mode \"bridge\""},
      {"FROM busybox\nRUN --network= x\n", 2, "invalid network mode \"\""},
      {"FROM busybox\nRUN --network=none --network=host x\n", 2,
       "duplicate flag specified: --network"},
      {"FROM busybox\nRUN --security=none x\n", 2, "security \"none\" is not valid"},
      {"FROM busybox\nHEALTHCHECK\n", 2, "HEALTHCHECK requires at least one argument"},
      {"FROM busybox\nHEALTHCHECK NONE x\n", 2, "HEALTHCHECK NONE takes no arguments"},
      {"FROM busybox\nHEALTHCHECK CMD\n", 2, "Missing command after HEALTHCHECK CMD"},
      {"FROM busybox\nHEALTHCHECK CMD []\n", 2, "Missing command after HEALTHCHECK CMD"},
      {"FROM busybox\nHEALTHCHECK curl x\n", 2, "Unknown type \"CURL\" in HEALTHCHECK (try CMD)"},
      {"FROM busybox\nHEALTHCHECK [\"a\"]\n", 2,
       "Unknown type \"[\\\"A\\\"]\" in HEALTHCHECK (try CMD)"},
      {"FROM busybox\nHEALTHCHECK --intervall=1s CMD x\n", 2,
       "unknown flag: --intervall (did you mean interval?)"},
      {"FROM busybox\nHEALTHCHECK --interval=1us CMD x\n", 2,
       "Interval \"interval\" cannot be less than 1ms"},
      {"FROM busybox\nHEALTHCHECK --timeout=-1s CMD x\n", 2,
       "Interval \"timeout\" cannot be less than 1ms"},
      {"FROM busybox\nHEALTHCHECK --interval=5 CMD x\n", 2, "missing unit in duration \"5\""},
      {"FROM busybox\nHEALTHCHECK --interval=5x CMD x\n", 2,
       "unknown unit \"x\" in duration \"5x\""},
      {"FROM busybox\nHEALTHCHECK --interval=abc CMD x\n", 2, "invalid duration \"abc\""},
      {"FROM busybox\nHEALTHCHECK --retries=-1 CMD x\n", 2, "--retries cannot be negative (-1)"},
      {"FROM busybox\nHEALTHCHECK --retries=two CMD x\n", 2,
       "--retries needs a whole number, not \"two\""},
      {"FROM busybox\nHEALTHCHECK --retries=99999999999 CMD x\n", 2,
       "--retries needs a whole number, not \"99999999999\""},
      {"FROM busybox\nONBUILD\n", 2, "ONBUILD requires at least one argument"},
      {"FROM busybox\nONBUILD ONBUILD RUN x\n", 2,
       "Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed"},
      {"FROM busybox\nONBUILD FROM a\n", 2, "FROM isn't allowed as an ONBUILD trigger"},
      {"FROM busybox\nONBUILD maintainer a\n", 2, "MAINTAINER isn't allowed as an ONBUILD trigger"},
      {"FROM busybox\nONBUILD --x RUN a\n", 2, "unknown flag: --x"},
      {"FROM busybox\nONBUILD RUN <<EOF\nx\n", 2, "unterminated heredoc"},
  };
  for (const auto& [text, line, message] : rows) {
    EXPECT_THAT(error_of(text), StartsWith("Dockerfile:" + std::to_string(line) + ": " + message))
        << text;
  }
}

TEST(ParserErrors, EmptyFile) {
  EXPECT_EQ(error_of(""), "Dockerfile: the Dockerfile cannot be empty");
  EXPECT_EQ(error_of("\xEF\xBB\xBF"), "Dockerfile: the Dockerfile cannot be empty");
  EXPECT_THAT(error_of("\n \n"), StartsWith("Dockerfile:2: file with no instructions"));
}

TEST(ParserErrors, QuoteTheLineWithACaret) {
  EXPECT_EQ(error_of("FROM busybox\n\nCOPY --form=x a b\nRUN x\n"),
            "Dockerfile:3: unknown flag: --form (did you mean from?)\n"
            "   1 |     FROM busybox\n"
            "   2 |\n"
            "   3 | >>> COPY --form=x a b\n"
            "     |          ^~~~~~~~\n"
            "   4 |     RUN x");
}

TEST(ParserErrors, PointIntoContinuationLines) {
  EXPECT_EQ(error_of("FROM busybox\nENV a=b \\\n  # why\n  c \\\n  d=e\n"),
            "Dockerfile:2: Syntax error - can't find = in \"c\". Must be of the form: name=value\n"
            "   1 |     FROM busybox\n"
            "   2 | >>> ENV a=b \\\n"
            "   3 | >>>   # why\n"
            "   4 | >>>   c \\\n"
            "     |       ^\n"
            "   5 | >>>   d=e");
}

TEST(ParserErrors, AreAllReportedAtOnce) {
  const std::string message =
      error_of("FROM busybox\nRNU a\nCOPY b\nENV c\nRUN --network=x --security=y d\n");
  EXPECT_THAT(message, StartsWith("Dockerfile:2: unknown instruction: RNU"));
  EXPECT_THAT(message, HasSubstr("\nDockerfile:3: COPY requires at least two arguments"));
  EXPECT_THAT(message, HasSubstr("\nDockerfile:4: ENV must have two arguments"));
  EXPECT_THAT(message, HasSubstr("\nDockerfile:5: invalid network mode \"x\""));
  EXPECT_THAT(message, HasSubstr("\nDockerfile:5: security \"y\" is not valid"));
}

TEST(ParserErrors, HugeNumbersOfThemAreCutShort) {
  std::string text;
  for (int i = 0; i < 1000; ++i) text += "BAD x\n";
  EXPECT_THAT(error_of(text), HasSubstr("… and 980 more errors"));
}

TEST(ParserErrors, ComeWithAHint) {
  const auto result = parse("Dockerfile", "FROM busybox\nSHELL sh -c\n");
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.error().hint(), "write it as SHELL [\"/bin/sh\", \"-c\"]");
}

TEST(ParserErrors, MissingFromIsReportedOnce) {
  const std::string message = error_of("RUN a\nRUN b\nFORM c\n");
  EXPECT_THAT(message, StartsWith("Dockerfile:1: no build stage in current context"));
  EXPECT_THAT(message, Not(HasSubstr("Dockerfile:2:")));
  EXPECT_THAT(message, HasSubstr("Dockerfile:3: unknown instruction: FORM"));
}

TEST(ParserErrors, MisspeltInstructionKeepsItsHeredocToItself) {
  const std::string message = error_of("FROM busybox\nRNU <<EOF\nx\nEOF\nRUN y\n");
  EXPECT_THAT(message, StartsWith("Dockerfile:2: unknown instruction: RNU"));
  EXPECT_THAT(message, Not(HasSubstr("Dockerfile:3")));
}

TEST(ParserErrors, BytesThatAreNotUtf8InCommands) {
  EXPECT_EQ(error_of("FROM busybox\nRUN a\xE9 \\\n \xFF\n"),
            "Dockerfile:2: invalid UTF-8 in a command\n"
            "   1 |     FROM busybox\n"
            "   2 | >>> RUN a? \\\n"
            "     |          ^\n"
            "   3 | >>>  ?");
  EXPECT_THAT(error_of("FROM busybox\nRUN --mount=type=cache,target=/\xE9 a\n"),
              HasSubstr("invalid UTF-8 in a command"));
  const std::string heredoc = error_of("FROM busybox\nRUN cat <<EOF\nx\nab\xE9\nEOF\n");
  EXPECT_THAT(heredoc, StartsWith("Dockerfile:2: invalid UTF-8 in a command"));
  EXPECT_THAT(heredoc, HasSubstr("   4 | >>> ab?\n     |       ^\n"));
  EXPECT_THAT(error_of("FROM busybox\nCOP\xE9 a b\n"),
              StartsWith("Dockerfile:2: unknown instruction: COP\uFFFD"));
}

TEST(ParserErrors, NulBytesInWhatIsNoText) {
  using namespace std::string_literals;
  for (const std::string& line : {"RUN a\0b"s, "COPY a\0 /b"s, "ADD a /b\0"s, "WORKDIR /a\0"s,
                                  "EXPOSE 80\0"s, "STOPSIGNAL 9\0"s, "FROM a\0b"s}) {
    const std::string message = error_of("FROM busybox\n" + line + "\n");
    EXPECT_THAT(message, StartsWith("Dockerfile:2: NUL byte\n")) << line.c_str();
    EXPECT_THAT(message, HasSubstr("\n     |   ")) << line.c_str();
  }
  EXPECT_THAT(error_of("FROM busybox\n\0"s),
              StartsWith("Dockerfile:2: unknown instruction: <U+0000>\n"));
}

TEST(ParserErrors, WhatCannotBeSeenIsNamed) {
  const auto error = parse("Dockerfile", "FROM busybox\n\uFEFFRUN x\n").error();
  EXPECT_EQ(error.message(),
            "Dockerfile:2: unknown instruction: <U+FEFF>RUN (did you mean RUN?)\n"
            "   1 |     FROM busybox\n"
            "   2 | >>> ?RUN x\n"
            "     |     ^~~~");
  EXPECT_EQ(error.hint(), "remove the byte order mark, which only a file may begin with");
  EXPECT_EQ(parse("Dockerfile", "FROM busybox\nRUN\u00A0x\n").error().hint(),
            "remove the no-break space");
  EXPECT_THAT(error_of("FROM busybox\n\u200BRNU x\n"),
              StartsWith("Dockerfile:2: unknown instruction: <U+200B>RNU (did you mean RUN?)"));
}

TEST(ParserErrors, Utf16) {
  const auto utf16 = parse("Dockerfile", std::string("\xff\xfe"
                                                     "F\0R\0",
                                                     6));
  ASSERT_FALSE(utf16.ok());
  EXPECT_EQ(utf16.error().hint(), "this looks like UTF-16: save the file as UTF-8");
}

TEST(ParserErrors, ControlCharactersNeverReachTheTerminal) {
  const std::string message = error_of("FROM busybox\n\x1b[31mRUN \x07 x\n");
  EXPECT_THAT(message, Not(HasSubstr("\x1b")));
  EXPECT_THAT(message, Not(HasSubstr("\x07")));
  EXPECT_THAT(message, HasSubstr(">>> ?[31mRUN ? x"));
}

TEST(ParserErrors, LinesThatAreTooLong) {
  const std::string longest = "FROM busybox\nRUN " + std::string(65531, 'x') + "\n";
  EXPECT_TRUE(parse("Dockerfile", longest).ok());
  EXPECT_THAT(error_of("FROM busybox\nRUN " + std::string(65532, 'x') + "\n"),
              StartsWith("Dockerfile:2: dockerfile line greater than max allowed size of 65535"));
}

}  // namespace
}  // namespace kiln::dockerfile
