// SPDX-License-Identifier: Apache-2.0
#include "cli/flags.h"

#include <gmock/gmock.h>

namespace kiln::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;
using Words = std::vector<std::string>;

/// A command as `build` is one: a few flags of each kind.
struct Command {
  explicit Command(std::size_t least = 0, std::size_t most = FlagSet::kAnyNumber)
      : set("kiln image build", "[OPTIONS] PATH", "Builds") {
    set.flag("-q,--quiet", quiet, "say little")
        .flag("--no-cache", no_cache, "run all")
        .option("-f,--file", file, "the file")
        .option("--target", target, "the stage")
        .list("-t,--tag", tags, "names")
        .list("--build-arg", build_args, "values")
        .arguments(least, most);
  }
  Words parse(Words words) {
    auto parsed = set.parse(std::move(words));
    if (!parsed) {
      ADD_FAILURE() << parsed.error().message();
      return {};
    }
    help = parsed->help;
    return parsed->arguments;
  }
  Error refused(Words words) {
    auto parsed = set.parse(std::move(words));
    if (!parsed) return std::move(parsed).error();
    ADD_FAILURE() << "was understood";
    return invalid_input("none");
  }
  FlagSet set;
  bool quiet = false, no_cache = false, help = false;
  std::string file, target;
  Words tags, build_args;
};

void expect_refused(Words words, const std::string& first_line, int exit_code) {
  const Error error = Command(1, 1).refused(std::move(words));
  EXPECT_EQ(error.kind(), ErrorKind::invalid_input);
  EXPECT_EQ(error.message().substr(0, error.message().find('\n')), first_line);
  EXPECT_EQ(error.exit_code(), exit_code);
}

TEST(Flags, ValuesComeInEveryForm) {
  for (const Words& words :
       {Words{"--file", "x", "."}, Words{"--file=x", "."}, Words{"-f", "x", "."}, Words{"-fx", "."},
        Words{"-f=x", "."}, Words{".", "-f", "x"}}) {
    Command command(1, 1);
    EXPECT_THAT(command.parse(words), ElementsAre("."));
    EXPECT_EQ(command.file, "x") << ::testing::PrintToString(words);
  }
}

TEST(Flags, ValueMayHoldAnything) {
  Command command;
  command.parse({"--build-arg", "A=b=c", "--build-arg=B=x,y", "--build-arg", "", "--build-arg",
                 "[a,b]", "--build-arg", "{}", "--build-arg", "a b"});
  EXPECT_THAT(command.build_args, ElementsAre("A=b=c", "B=x,y", "", "[a,b]", "{}", "a b"));
}

TEST(Flags, ValueMayLookLikeAFlag) {
  Command command;
  EXPECT_THAT(command.parse({"--file", "--quiet", "-t", "-x"}), IsEmpty());
  EXPECT_EQ(command.file, "--quiet");
  EXPECT_THAT(command.tags, ElementsAre("-x"));
  EXPECT_FALSE(command.quiet);
}

TEST(Flags, EmptyValueIsAValue) {
  Command command;
  command.file = "default";
  EXPECT_THAT(command.parse({"--file="}), IsEmpty());
  EXPECT_EQ(command.file, "");
}

TEST(Flags, LastValueOfAnOptionCountsAndAListKeepsAll) {
  Command command;
  command.parse({"-f", "1", "-t", "a", "--file=2", "--tag=b"});
  EXPECT_EQ(command.file, "2");
  EXPECT_THAT(command.tags, ElementsAre("a", "b"));
}

TEST(Flags, ListTakesOneValueEach) {
  Command command;
  EXPECT_THAT(command.parse({"-t", "a", "b", "c"}), ElementsAre("b", "c"));
}

TEST(Flags, ShortFlagsCombine) {
  Command command(1, 1);
  EXPECT_THAT(command.parse({"-qt", "name", "."}), ElementsAre("."));
  EXPECT_TRUE(command.quiet);
  EXPECT_THAT(command.tags, ElementsAre("name"));
  Command attached(1, 1);
  EXPECT_THAT(attached.parse({"-qtname", "."}), ElementsAre("."));
  EXPECT_THAT(attached.tags, ElementsAre("name"));
}

TEST(Flags, FlagCanBeGivenAValue) {
  for (const char* word :
       {"--quiet=false", "--quiet=0", "--quiet=f", "--quiet=FALSE", "-q=false"}) {
    Command command;
    command.quiet = true;
    command.parse({word});
    EXPECT_FALSE(command.quiet) << word;
  }
  for (const char* word : {"--quiet=true", "--quiet=1", "--quiet=T", "-q=true", "--quiet", "-q"}) {
    Command command;
    command.parse({word});
    EXPECT_TRUE(command.quiet) << word;
  }
}

TEST(Flags, FlagTakesNoSeparateValue) {
  Command command;
  EXPECT_THAT(command.parse({"--quiet", "false"}), ElementsAre("false"));
  EXPECT_TRUE(command.quiet);
}

TEST(Flags, FlagMayBeRepeated) {
  Command command;
  command.parse({"-q", "-q", "--no-cache", "--no-cache=false"});
  EXPECT_TRUE(command.quiet);
  EXPECT_FALSE(command.no_cache);
}

TEST(Flags, DoubleDashEndsFlags) {
  Command command;
  EXPECT_THAT(command.parse({"-q", "--", "-f", "--x"}), ElementsAre("-f", "--x"));
  EXPECT_EQ(command.file, "");
}

TEST(Flags, SecondDoubleDashIsAnArgument) {
  EXPECT_THAT(Command().parse({"--", "a", "--", "b"}), ElementsAre("a", "--", "b"));
}

TEST(Flags, DashAloneIsAnArgument) { EXPECT_THAT(Command().parse({"-", "-q"}), ElementsAre("-")); }

TEST(Flags, ArgumentsEndTheFlagsOfRun) {
  Command command;
  command.set.arguments_end_flags();
  EXPECT_THAT(command.parse({"-q", "image", "sh", "-c", "x", "--no-cache", "--unknown"}),
              ElementsAre("image", "sh", "-c", "x", "--no-cache", "--unknown"));
  EXPECT_TRUE(command.quiet);
  EXPECT_FALSE(command.no_cache);
}

TEST(Flags, DoubleDashOfARunCommandIsItsOwn) {
  Command command;
  command.set.arguments_end_flags();
  EXPECT_THAT(command.parse({"image", "sh", "-c", "x", "--", "a"}),
              ElementsAre("image", "sh", "-c", "x", "--", "a"));
}

TEST(Flags, DoubleDashBeforeARunImageEndsFlags) {
  Command command;
  command.set.arguments_end_flags();
  EXPECT_THAT(command.parse({"-q", "--", "image", "-x"}), ElementsAre("image", "-x"));
}

TEST(Flags, UnknownFlagBeforeARunImageIsRefused) {
  Command command;
  command.set.arguments_end_flags();
  EXPECT_THAT(command.refused({"--unknown", "image"}).message(),
              StartsWith("unknown flag: --unknown\n"));
}

TEST(Flags, UnknownFlagIsRefusedInDockersWords) {
  expect_refused({"--foo", "."}, "unknown flag: --foo", 125);
  expect_refused({"--foo=bar", "."}, "unknown flag: --foo", 125);
  expect_refused({".", "--foo"}, "unknown flag: --foo", 125);
  expect_refused({"--fil", "x", "."}, "unknown flag: --fil", 125);
  expect_refused({"-z", "."}, "unknown shorthand flag: 'z' in -z", 125);
}

TEST(Flags, UnknownShortFlagAfterAKnownOne) {
  expect_refused({"-qz", "."}, "unknown shorthand flag: 'z' in -z", 125);
}

TEST(Flags, MissingValueIsRefusedInDockersWords) {
  expect_refused({".", "--tag"}, "flag needs an argument: --tag", 125);
  expect_refused({".", "-t"}, "flag needs an argument: 't' in -t", 125);
  expect_refused({".", "-qt"}, "flag needs an argument: 't' in -t", 125);
}

TEST(Flags, ValueThatIsNoTruthValueIsRefusedInDockersWords) {
  expect_refused(
      {"--no-cache=maybe", "."},
      R"(invalid argument "maybe" for "--no-cache" flag: strconv.ParseBool: parsing "maybe": invalid syntax)",
      125);
  expect_refused(
      {"-q=2", "."},
      R"(invalid argument "2" for "-q, --quiet" flag: strconv.ParseBool: parsing "2": invalid syntax)",
      125);
}

TEST(Flags, MalformedFlagsAreRefused) {
  expect_refused({"---quiet", "."}, "bad flag syntax: ---quiet", 125);
  expect_refused({"--=2", "."}, "bad flag syntax: --=2", 125);
}

TEST(Flags, ErrorsEndInTheUsage) {
  EXPECT_EQ(Command(1, 1).refused({"--foo"}).message(),
            "unknown flag: --foo\n\nUsage:  kiln image build [OPTIONS] PATH\n\n"
            "Run 'kiln image build --help' for more information");
}

TEST(Flags, CountsAreRefusedInDockersWords) {
  const auto message = [](std::size_t least, std::size_t most, Words words) {
    const Error error = Command(least, most).refused(std::move(words));
    EXPECT_EQ(error.exit_code(), 1);
    return error.message().substr(0, error.message().find('\n'));
  };
  EXPECT_EQ(message(0, 0, {"x"}), "'kiln image build' accepts no arguments");
  EXPECT_EQ(message(1, 1, {}), "'kiln image build' requires 1 argument");
  EXPECT_EQ(message(1, 1, {"a", "b"}), "'kiln image build' requires 1 argument");
  EXPECT_EQ(message(2, 2, {"a"}), "'kiln image build' requires 2 arguments");
  EXPECT_EQ(message(1, FlagSet::kAnyNumber, {}), "'kiln image build' requires at least 1 argument");
  EXPECT_EQ(message(0, 1, {"a", "b"}), "'kiln image build' requires at most 1 argument");
}

TEST(Flags, OptionalValueIsGivenWithAnEqualsSignOnly) {
  const auto parsed = [](Words words) {
    std::string report;
    FlagSet set("kiln build", "[OPTIONS] PATH", "Builds");
    set.optional("--explain", report, "text", "why").arguments(1, 1);
    const auto out = set.parse(std::move(words));
    EXPECT_TRUE(out.ok());
    EXPECT_THAT(set.help(), HasSubstr("--explain string[=\"text\"]"));
    return report;
  };
  EXPECT_EQ(parsed({"."}), "");
  EXPECT_EQ(parsed({"--explain", "json"}), "text");
  EXPECT_EQ(parsed({"--explain=json", "."}), "json");
}

TEST(Flags, HelpIsAskedForWhateverElseIsSaid) {
  Command command(1, 1);
  command.parse({"--help"});
  EXPECT_TRUE(command.help);
  const std::string text = command.set.help();
  EXPECT_THAT(text, StartsWith("Usage:  kiln image build [OPTIONS] PATH\n\nBuilds\n"));
  for (const char* part : {"--no-cache", "-f, --file", "-t, --tag", "the stage"})
    EXPECT_THAT(text, HasSubstr(part));
}

}  // namespace
}  // namespace kiln::cli
