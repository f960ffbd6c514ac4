// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/expand.h"

#include <gtest/gtest.h>

#include <map>

namespace kiln::dockerfile {
namespace {

const std::map<std::string, std::string, std::less<>> kVariables = {
    {"X", "1"},
    {"HOME", "/home/me"},
    {"EMPTY", ""},
    {"SP", "a  b"},
    {"F", "archive.tar.gz"},
    {"P", "/usr/local/bin"},
    {"STAR", "a*b?c"},
    {"UNI", "größe"},
    {"Q", "say \"hi\""},
    {"V_1", "under"},
    {"D", "$X"},
    {"BR", "a{b}c"},
    {"BS", "a\\b"},
    {"REP", "foo foo"},
};

std::optional<std::string> find_variable(std::string_view name) {
  const auto found = kVariables.find(name);
  if (found == kVariables.end()) return std::nullopt;
  return found->second;
}

struct WordRow {
  const char* word;
  /// Null: an error.
  const char* expected;
};

void check(std::initializer_list<WordRow> rows) {
  for (const auto& [word, expected] : rows) {
    const auto result = expand_word(word, find_variable, '\\');
    if (expected == nullptr) {
      ASSERT_FALSE(result.ok()) << word << " gave " << *result;
      EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
    } else {
      ASSERT_TRUE(result.ok()) << word << ": " << result.error().message();
      EXPECT_EQ(*result, expected) << word;
    }
  }
}

TEST(ExpandWord, NamesEndAtTheFirstCharacterThatCannotBelongToThem) {
  check({
      {"hello", "hello"},  {"$", "$"},           {"a$", "a$"},      {"$.", "$."},
      {"$X", "1"},         {"a$X", "a1"},        {"a$X.b", "a1.b"}, {"$Xb", ""},
      {"${X}b", "1b"},     {"$X$X", "11"},       {"$V_1", "under"}, {"$V_1-x", "under-x"},
      {"$UNDEF", ""},      {"a${UNDEF}b", "ab"}, {"$D", "$X"},      {"größe$X", "größe1"},
      {"$UNI", "größe"},   {"“$X”", "“1”"},      {"$X…", "1…"},     {"a=$X", "a=1"},
      {"${UNI}", "größe"},
  });
}

TEST(ExpandWord, PositionalAndSpecialParametersAreUnset) {
  check({
      {"$1", ""},       {"$1x", "x"},     {"$12x", "x"},    {"$0", ""},      {"$01", ""},
      {"$@", ""},       {"$@@", "@"},     {"$*", ""},       {"$#", ""},      {"$?", ""},
      {"$-", ""},       {"$$", ""},       {"$$X", "X"},     {"$!", ""},      {"${1}", ""},
      {"${@}", ""},     {"${#}", ""},     {"${-}", ""},     {"${?}", ""},    {"${$}", ""},
      {"${!}", ""},     {"${1:-d}", "d"}, {"${@:-d}", "d"}, {"${1:+d}", ""}, {"${#:-d}", "d"},
      {"${?:-d}", "d"}, {"${-:-d}", "d"},
  });
}

TEST(ExpandWord, QuotesGroupAndAreRemoved) {
  check({
      {"'$X'", "$X"},
      {"\"$X\"", "1"},
      {"'a'b", "ab"},
      {"a'b c'd", "ab cd"},
      {"\"a b\"", "a b"},
      {"\"\"", ""},
      {"''", ""},
      {"\"'$X'\"", "'1'"},
      {"'\"$X\"'", "\"$X\""},
      {"'a\\'", "a\\"},
      {"\"a\\\"b\"", "a\"b"},
      {"\"a\\tb\"", "a\\tb"},
      {"\"a\\\\b\"", "a\\b"},
      {"\"\\$X\"", "$X"},
      {"'\\$X'", "\\$X"},
      {"it\\'s", "it's"},
      {"$Q", "say \"hi\""},
      {"\"$Q\"", "say \"hi\""},
      {"\"${UNDEF:-\"x\"}\"", "x"},
      {"\"a", nullptr},
      {"'a", nullptr},
      {"a'b", nullptr},
      {"\"a\\\"", nullptr},
      {"a\"b\"c\"", nullptr},
      {"a\\\\'b", nullptr},
      {"\"${X\"", nullptr},
  });
}

TEST(ExpandWord, EscapeTakesTheNextCharacterLiterally) {
  check({
      {"a\\tb", "atb"},
      {"\\$X", "$X"},
      {"\\\\$X", "\\1"},
      {"\\\\\\$X", "\\$X"},
      {"\\${X}", "${X}"},
      {"a\\ b", "a b"},
      {"\\\\", "\\"},
      {"\\\"", "\""},
      {"\\ö", "ö"},
      {"$X\\", "1"},
  });
}

TEST(ExpandWord, ConditionalOperators) {
  check({
      {"${UNDEF-w}", "w"},
      {"${UNDEF:-w}", "w"},
      {"${EMPTY-w}", ""},
      {"${EMPTY:-w}", "w"},
      {"${X-w}", "1"},
      {"${X:-w}", "1"},
      {"${UNDEF:-}", ""},
      {"${UNDEF-}", ""},
      {"${UNDEF+w}", ""},
      {"${UNDEF:+w}", ""},
      {"${EMPTY+w}", "w"},
      {"${EMPTY:+w}", ""},
      {"${X+w}", "w"},
      {"${X:+w}", "w"},
      {"${X?m}", "1"},
      {"${X:?m}", "1"},
      {"${EMPTY?m}", ""},
      {"${EMPTY:?m}", nullptr},
      {"${EMPTY:?}", nullptr},
      {"${UNDEF?m}", nullptr},
      {"${UNDEF:?m}", nullptr},
      {"${UNDEF?}", nullptr},
      {"${UNDEF:-$X}", "1"},
      {"${UNDEF:-${X}}", "1"},
      {"${UNDEF:-${ALSO:-deep}}", "deep"},
      {"${UNDEF:-${ALSO:-$HOME}/x}", "/home/me/x"},
      {"${X:+${UNDEF:-a}b}", "ab"},
      {"${UNDEF:-a b}", "a b"},
      {"${UNDEF:-'a b'}", "a b"},
      {"${UNDEF:-'}'}", "}"},
      {"${UNDEF:-\"}\"}", "}"},
      {"${UNDEF:-\\}}", "}"},
      {"${UNDEF:-\\$X}", "$X"},
      {"${UNDEF:-a:b}", "a:b"},
      {"${UNDEF:-{a}", "{a"},
      {"${UNDEF:-a}}", "a}"},
      {"${X:+${X}:}y", "1:y"},
      {"${UNDEF:--}", "-"},
      {"${UNDEF:-?}", "?"},
      {"${UNDEF:-a/b#c%d}", "a/b#c%d"},
      {"pre${EMPTY:+:$EMPTY}", "pre"},
      {"${HOME:+$HOME:}/x", "/home/me:/x"},
  });
}

TEST(ExpandWord, MalformedSubstitutionsFail) {
  check({
      {"${", nullptr},         {"${}", nullptr},
      {"${X", nullptr},        {"${X:", nullptr},
      {"${X:-", nullptr},      {"${X:-a", nullptr},
      {"${:}", nullptr},       {"${:-a}", nullptr},
      {"${{X}}", nullptr},     {"${.}", nullptr},
      {"${X.}", nullptr},      {"${X:=w}", nullptr},
      {"${X=w}", nullptr},     {"${X:w}", nullptr},
      {"${X:#a}", nullptr},    {"${X:%a}", nullptr},
      {"${X!}", nullptr},      {"${X^^}", nullptr},
      {"${X,,}", nullptr},     {"${X@Q}", nullptr},
      {"${X:1:2}", nullptr},   {"${UNDEF:-${X}", nullptr},
      {"${X/a}", nullptr},     {"${X/a/b", nullptr},
      {"${X//a}", nullptr},    {"${X#a", nullptr},
      {"${F#\\a}", nullptr},   {"${F%a\\b}", nullptr},
      {"${F/\\./x}", nullptr}, {"${ X}", nullptr},
      {"${X }", nullptr},
  });
}

TEST(ExpandWord, PrefixRemoval) {
  check({
      {"${F#archive}", ".tar.gz"},
      {"${F#*.}", "tar.gz"},
      {"${F##*.}", "gz"},
      {"${F#x}", "archive.tar.gz"},
      {"${F#}", "archive.tar.gz"},
      {"${F##}", "archive.tar.gz"},
      {"${F#*}", "archive.tar.gz"},
      {"${F##*}", ""},
      {"${F#?\??\?}", "ive.tar.gz"},
      {"${F##?\??\?}", "ive.tar.gz"},
      {"${F#*r?h}", "ive.tar.gz"},
      {"${P#/*/}", "local/bin"},
      {"${P##*/}", "bin"},
      {"${P#usr}", "/usr/local/bin"},
      {"${STAR#a\\*}", "b?c"},
      {"${STAR##*\\?}", "c"},
      {"${STAR#a?}", "b?c"},
      {"${UNI#gr?}", "ße"},
      {"${UNDEF#x}", ""},
      {"${EMPTY#*}", ""},
      {"${F#[a-z]}", "archive.tar.gz"},
      {"${BR#a\\{}", nullptr},
      {"${BR#*\\}}", "c"},
      {"${BR#a{}", "b}c"},
      {"${BS#a\\\\}", "b"},
      {"${P#\\/usr}", "/local/bin"},
      {"${F#$UNDEF}", "archive.tar.gz"},
      {"${F#${X}}", "archive.tar.gz"},
      {"${F#\"archive\"}", ".tar.gz"},
      {"${F#'arch'}", "ive.tar.gz"},
  });
}

TEST(ExpandWord, SuffixRemoval) {
  check({
      {"${F%.gz}", "archive.tar"},
      {"${F%.*}", "archive.tar"},
      {"${F%%.*}", "archive"},
      {"${F%x}", "archive.tar.gz"},
      {"${F%}", "archive.tar.gz"},
      {"${F%*}", "archive.tar.gz"},
      {"${F%%*}", ""},
      {"${F%?\?}", "archive.tar."},
      {"${F%%?}", "archive.tar.g"},
      {"${P%/*}", "/usr/local"},
      {"${P%%/*}", ""},
      {"${P%/bin}", "/usr/local"},
      {"${STAR%\\?c}", "a*b"},
      {"${STAR%%\\**}", "a"},
      {"${UNI%?e}", "grö"},
      {"${UNDEF%x}", ""},
      {"${BR%\\}*}", "a{b"},
      {"${BR%%\\}*}", "a{b"},
      {"${F%a*}", "archive.t"},
      {"${F%%a*}", ""},
  });
}

TEST(ExpandWord, Replacement) {
  check({
      {"${F/tar/zip}", "archive.zip.gz"},
      {"${F/a/A}", "Archive.tar.gz"},
      {"${F//a/A}", "Archive.tAr.gz"},
      {"${F/x/y}", "archive.tar.gz"},
      {"${F/./_}", "archive_tar.gz"},
      {"${F//./_}", "archive_tar_gz"},
      {"${F/.*/}", "archive"},
      {"${F//?/x}", "xxxxxxxxxxxxxx"},
      {"${F/a*a/X}", "Xr.gz"},
      {"${F//a/}", "rchive.tr.gz"},
      {"${P/\\/usr/}", "/local/bin"},
      {"${P//\\//:}", ":usr:local:bin"},
      {"${F/*/x}", "x"},
      {"${F//*/x}", "x"},
      {"${REP/foo/bar}", "bar foo"},
      {"${REP//foo/bar}", "bar bar"},
      {"${REP//foo/$X}", "1 1"},
      {"${REP/foo/${UNDEF:-z}}", "z foo"},
      {"${REP/foo/a b}", "a b foo"},
      {"${REP/'foo'/x}", "x foo"},
      {"${STAR/\\*/-}", "a-b?c"},
      {"${STAR/b\\?/-}", "a*-c"},
      {"${UNI/ö/o}", "große"},
      {"${UNI//?/x}", "xxxxx"},
      {"${UNDEF/a/b}", ""},
      {"${EMPTY/a/b}", ""},
      {"${EMPTY/*/b}", "b"},
      {"${REP//o/00}", "f0000 f0000"},
      {"${REP/ /_}", "foo_foo"},
      {"${F/[a-z]/x}", "archive.tar.gz"},
      {"${X/1/a\\/b}", "a\\/b"},
      {"${X/1/a/b}", "a/b"},
      {"${X/1/\\}}", "\\}"},
      {"${F//ar//}", "/chive.t/.gz"},
  });
}

TEST(ExpandWord, ErrorsSayWhatIsWrongAndWhere) {
  const auto message = [](std::string_view word) {
    return expand_word(word, find_variable, '\\').error().message();
  };
  EXPECT_EQ(message("${UNDEF:?set it}"), "failed to process \"${UNDEF:?set it}\": UNDEF: set it");
  EXPECT_EQ(message("${UNDEF?}"),
            "failed to process \"${UNDEF?}\": UNDEF: is not allowed to be unset");
  EXPECT_EQ(message("${EMPTY:?}"),
            "failed to process \"${EMPTY:?}\": EMPTY: is not allowed to be empty");
  EXPECT_EQ(message("${X"), "failed to process \"${X\": syntax error: missing '}'");
  EXPECT_EQ(message("${}"), "failed to process \"${}\": syntax error: bad substitution");
  EXPECT_EQ(message("${X^^}"),
            "failed to process \"${X^^}\": unsupported modifier (^) in substitution");
  EXPECT_EQ(message("${X:#a}"),
            "failed to process \"${X:#a}\": unsupported modifier (:#) in substitution");
  EXPECT_EQ(
      message("${F#\\a}"),
      "failed to process \"${F#\\\\a}\": invalid pattern (\\a) in substitution: invalid escape "
      "'\\a'");
  EXPECT_EQ(message("'a"),
            "failed to process \"'a\": unexpected end of statement while looking for matching "
            "single-quote");
  EXPECT_EQ(message("\"a"),
            "failed to process \"\\\"a\": unexpected end of statement while looking for matching "
            "double-quote");
}

TEST(ExpandWord, BacktickCanBeTheEscapeCharacter) {
  EXPECT_EQ(*expand_word("`$X c:\\dir", find_variable, '`'), "$X c:\\dir");
  EXPECT_EQ(*expand_word("\"`\"`$X`a\"", find_variable, '`'), "\"$X`a");
}

TEST(ExpandWord, RecordsTheNamesItAskedFor) {
  UsedNames used;
  ASSERT_TRUE(
      expand_word("$X ${UNDEF:-$HOME} ${EMPTY+y} '$P' \\$Q", find_variable, '\\', &used).ok());
  EXPECT_EQ(used.defined, (std::set<std::string, std::less<>>{"X", "HOME", "EMPTY"}));
  EXPECT_EQ(used.undefined, (std::set<std::string, std::less<>>{"UNDEF"}));
}

TEST(ExpandWord, DeepNestingIsAnErrorAndNotACrash) {
  std::string word;
  for (int i = 0; i < 100'000; ++i) word += "${a:-";
  EXPECT_FALSE(expand_word(word, find_variable, '\\').ok());
}

TEST(ExpandWord, PatternsAreMatchedInTimeBoundByTheirLength) {
  const std::string value(20'000, 'a');
  const auto lookup = [&](std::string_view) { return std::optional(value); };
  EXPECT_EQ(*expand_word("${x%%*a*a*a*a*a*a*b}", lookup, '\\'), value);
  EXPECT_EQ(*expand_word("${x//a*a*a*a*b/c}", lookup, '\\'), value);
}

TEST(ExpandWord, StarsDoNotCrossLineEnds) {
  const auto lookup = [](std::string_view) { return std::optional<std::string>("a\nb"); };
  EXPECT_EQ(*expand_word("${x##*}", lookup, '\\'), "\nb");
  EXPECT_EQ(*expand_word("${x%%*}", lookup, '\\'), "a\n");
  EXPECT_EQ(*expand_word("${x/a?b/}", lookup, '\\'), "a\nb");
}

TEST(ExpandWord, BytesThatAreNotUtf8Survive) {
  const auto lookup = [](std::string_view) { return std::optional<std::string>("\xff.x"); };
  EXPECT_EQ(*expand_word("${x%.x}", lookup, '\\'), "\xff");
  EXPECT_EQ(*expand_word("\xfe${x#?}", lookup, '\\'), "\xfe.x");
}

TEST(ExpandWord, AByteOrderMarkInFrontIsDropped) {
  EXPECT_EQ(*expand_word("\uFEFFa\uFEFF$X", find_variable, '\\'), "a\uFEFF1");
}

TEST(ExpandWords, SplitAtUnquotedBlanksOfTextAndVariables) {
  const auto words = [](std::string_view text) { return *expand_words(text, find_variable, '\\'); };
  using Words = std::vector<std::string>;
  EXPECT_EQ(words("a b"), (Words{"a", "b"}));
  EXPECT_EQ(words("  a\t b  "), (Words{"a", "b"}));
  EXPECT_EQ(words(""), Words{});
  EXPECT_EQ(words("''"), Words{});
  EXPECT_EQ(words("$EMPTY"), Words{});
  EXPECT_EQ(words("x${SP}y"), (Words{"xa", "by"}));
  EXPECT_EQ(words("\"x${SP}y\""), (Words{"xa  by"}));
  EXPECT_EQ(words("x\" \"y z"), (Words{"x y", "z"}));
  EXPECT_EQ(words("a\\ b c"), (Words{"a b", "c"}));
  EXPECT_EQ(words("80 443/tcp"), (Words{"80", "443/tcp"}));
  EXPECT_EQ(words("80$UNDEF${X}"), (Words{"801"}));
  // The word that an operator is in begins behind it, as in BuildKit.
  EXPECT_EQ(words("a 80${UNDEF:-81} b"), (Words{"a", "81", "b"}));
  EXPECT_EQ(words("cat << EOF >x"), (Words{"cat", "<< EOF", ">x"}));
}

TEST(ExpandHeredoc, QuotesAreLiteral) {
  const auto text = [](std::string_view content) {
    return *expand_heredoc(content, find_variable);
  };
  EXPECT_EQ(text("'$X' \"$X\"\n"), "'1' \"1\"\n");
  EXPECT_EQ(text("it's ${UNDEF:-'q'}\n"), "it's 'q'\n");
  EXPECT_EQ(text("\\$X \\\\ \\n\n"), "$X \\ n\n");
  EXPECT_EQ(text("a <<b < c\n"), "a <<b < c\n");
  EXPECT_EQ(text("\xE9\xFF '\xFE' $X\n"), "\uFFFD\uFFFD '\uFFFD' 1\n");
}

TEST(Expand, CanKeepQuotesEscapesAndUnsetVariables) {
  const ExpandOptions options{
      .quotes = Quotes::keep, .escapes = Escapes::keep, .unset = UnsetVariables::keep};
  const auto text = [&](std::string_view word) {
    return expand(word, find_variable, options)->text;
  };
  EXPECT_EQ(text("\"$X\" '$X' \\$X"), "\"1\" '$X' \\$X");
  EXPECT_EQ(text("$UNDEF ${UNDEF} ${UNDEF:-w} ${UNDEF#p} ${UNDEF/a/b}"),
            "$UNDEF ${UNDEF} ${UNDEF:-w} ${UNDEF#p} ${UNDEF/a/b}");
  EXPECT_EQ(text("echo $1 $X"), "echo $1 1");
}

}  // namespace
}  // namespace kiln::dockerfile
