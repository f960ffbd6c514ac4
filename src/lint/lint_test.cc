// SPDX-License-Identifier: Apache-2.0
#include "lint/lint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "lint/report.h"

namespace kiln::lint {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// `RULE:line` of each finding.
std::vector<std::string> found(const std::string& text, Caller caller = Caller::lint,
                               const std::string& options = {}) {
  const auto file = dockerfile::parse("Dockerfile", text);
  if (!file) return {file.error().message()};
  LintRequest request;
  request.caller = caller;
  request.build.platform = {"linux", "amd64", {}};
  auto wanted = options.empty() ? check_options_of(file->source, {}) : parse_check_options(options);
  if (!wanted) return {wanted.error().message()};
  request.options = *wanted;
  std::vector<std::string> out;
  for (const Finding& finding : lint(*file, request)) {
    out.push_back(std::string(rule_info(finding.rule).name) + ":" +
                  std::to_string(finding.first_line));
  }
  return out;
}

std::vector<std::string> advice(const std::string& instructions) {
  return found("FROM base:1\n" + instructions);
}

TEST(Rules, AreListedInTheirOrderWithNamesOfTheirOwn) {
  std::set<std::string_view> names;
  for (const RuleInfo& rule : all_rules()) {
    EXPECT_EQ(rule_info(rule.rule).name, rule.name);
    EXPECT_EQ(find_rule(rule.name), rule.rule);
    EXPECT_TRUE(names.insert(rule.name).second);
    EXPECT_TRUE(names.insert(rule.anchor).second);
    EXPECT_FALSE(rule.description.ends_with('.'));
  }
  EXPECT_EQ(all_rules().size(), 35U);
  EXPECT_FALSE(find_rule("NoSuchRule"));
}

TEST(CheckOptions, ACommentAboveAnInstructionHoldsForItAlone) {
  EXPECT_THAT(found("FROM base:1\n# check=skip=JSONArgsRecommended\nCMD a\nENTRYPOINT b\n"),
              ElementsAre("JSONArgsRecommended:4"));
  EXPECT_THAT(found("ARG X\n# check=skip=FromAsCasing\nFROM base:1 as a\nRUN true\n"), IsEmpty());
  EXPECT_THAT(found("FROM base:1\n# check=skip=all\nCMD a\n"), IsEmpty());
}

TEST(CheckOptions, AdviceIsForLintAndWhoAsksByName) {
  const std::string text = "FROM base\nRUN true\n";
  EXPECT_THAT(found(text, Caller::build), IsEmpty());
  EXPECT_THAT(found(text, Caller::build, "experimental=all"), IsEmpty());
  EXPECT_THAT(found(text, Caller::build, "experimental=UnpinnedBaseImage"),
              ElementsAre("UnpinnedBaseImage:1"));
  EXPECT_THAT(found(text), ElementsAre("UnpinnedBaseImage:1"));
  EXPECT_THAT(found(text, Caller::lint, "skip=UnpinnedBaseImage"), IsEmpty());
}

TEST(CheckOptions, MalformedOnesAreErrors) {
  for (const char* text : {"skip", "foo=bar", "error=maybe", "skip=all;", ";"}) {
    const auto options = parse_check_options(text);
    ASSERT_FALSE(options) << text;
    EXPECT_EQ(options.error().kind(), ErrorKind::invalid_input);
  }
}

TEST(CheckOptions, AnErrorInTheDirectivePointsAtTheOption) {
  const auto message = [](std::string text) {
    const dockerfile::Source source("Dockerfile", std::move(text));
    const auto options = check_options_of(source, {});
    return options ? std::string() : options.error().message();
  };
  EXPECT_EQ(message("# syntax=docker/dockerfile:1\n# check=foo\nFROM scratch\n"),
            "Dockerfile:2: failed to parse check options: invalid check option \"foo\"\n"
            "   1 |     # syntax=docker/dockerfile:1\n"
            "   2 | >>> # check=foo\n"
            "     |             ^~~\n"
            "   3 |     FROM scratch");
  EXPECT_EQ(message("#  check = skip=A;error=maybe b\nFROM scratch\n"),
            "Dockerfile:1: failed to parse check options: failed to parse check option "
            "\"error=maybe\": \"maybe\" is neither true nor false\n"
            "   1 | >>> #  check = skip=A;error=maybe b\n"
            "     |                       ^~~~~~~~~~~\n"
            "   2 |     FROM scratch");
}

TEST(UndefinedVar, IsNotJudgedWithoutTheBaseImage) {
  EXPECT_THAT(found("FROM base:1\nLABEL a=$X\n"), IsEmpty());
  EXPECT_THAT(found("FROM scratch\nLABEL a=$X\n"), ElementsAre("UndefinedVar:2"));
}

TEST(UndefinedVar, NamesTheLikelyOne) {
  const auto file =
      dockerfile::parse("Dockerfile", "FROM scratch\nENV VERSION=1\nLABEL a=$VERSON\n");
  ASSERT_TRUE(file);
  const auto findings = lint(*file, {});
  ASSERT_EQ(findings.size(), 1U);
  EXPECT_THAT(findings[0].detail, HasSubstr("did you mean $VERSION?"));
  EXPECT_EQ(findings[0].range.begin, (dockerfile::Position{3, 9}));
}

TEST(ContextBeforeInstall, AfterACopyOfAll) {
  EXPECT_THAT(advice("COPY . /app\nRUN --mount=type=cache,target=/root/.npm npm ci\n"),
              ElementsAre("ContextBeforeInstall:3"));
  EXPECT_THAT(advice("COPY package.json /app/\nRUN --mount=type=cache,target=/root/.npm npm ci\n"
                     "COPY . /app\nRUN npm run build\n"),
              IsEmpty());
  EXPECT_THAT(advice("COPY . .\nRUN --mount=type=cache,target=/root/.cache go build ./...\n"),
              IsEmpty());
}

TEST(Apt, UpdateAndInstallBelongTogether) {
  EXPECT_THAT(advice("RUN apt-get update && rm -rf /var/lib/apt/lists/*\n"),
              ElementsAre("AptUpdateWithInstall:2"));
  EXPECT_THAT(advice("RUN --mount=type=cache,target=/var/cache/apt apt-get -y install git\n"),
              ElementsAre("AptUpdateWithInstall:2"));
  EXPECT_THAT(advice("RUN apt-get update && apt-get install -y --no-install-recommends git\n"),
              ElementsAre("AptListsLeft:2", "CacheMountMissing:2"));
  EXPECT_THAT(advice("RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\\n"
                     "    --mount=type=cache,target=/var/lib/apt,sharing=locked \\\n"
                     "    apt-get update && apt-get install -y git\n"),
              IsEmpty());
  EXPECT_THAT(advice("RUN <<EOF\nset -e\napt-get update\nDEBIAN_FRONTEND=noninteractive apt-get "
                     "install -y git\nrm -rf /var/lib/apt/lists/*\nEOF\n"),
              ElementsAre("CacheMountMissing:2"));
}

TEST(AddInsteadOfCopy, WhereNothingIsUnpackedOrFetched) {
  EXPECT_THAT(advice("ADD main.c /src/\n"), ElementsAre("AddInsteadOfCopy:2"));
  EXPECT_THAT(advice("ADD a.tar.gz /\nADD https://example.org/x /x\nADD $WHAT /y\n"), IsEmpty());
}

TEST(RecursiveModeChange, OfWhatWasCopied) {
  EXPECT_THAT(advice("COPY src /app/src\nRUN chown -R app:app /app\n"),
              ElementsAre("RecursiveModeChange:3"));
  EXPECT_THAT(advice("COPY src /app\nRUN chmod +x /app/run\nRUN chown -R a /var/lib/x\n"),
              IsEmpty());
}

TEST(DownloadWithoutPipefail, EndsWithPipefail) {
  EXPECT_THAT(advice("RUN curl -fsSL https://example.org/i.sh | sh\n"),
              ElementsAre("DownloadWithoutPipefail:2"));
  EXPECT_THAT(advice("RUN set -o pipefail && curl https://example.org/x | tar xz\n"), IsEmpty());
  EXPECT_THAT(advice("SHELL [\"/bin/bash\", \"-o\", \"pipefail\", \"-c\"]\n"
                     "RUN wget -O- https://example.org/x | tar xz\n"),
              IsEmpty());
  EXPECT_THAT(advice("RUN curl https://example.org/x || true\n"), IsEmpty());
}

TEST(SecretInRun, WrittenOut) {
  EXPECT_THAT(advice("RUN login --password hunter2 --user me\n"), ElementsAre("SecretInRun:2"));
  EXPECT_THAT(advice("RUN API_TOKEN=abc make\n"), ElementsAre("SecretInRun:2"));
  EXPECT_THAT(advice("RUN git clone https://me:pw@example.org/x\n"), ElementsAre("SecretInRun:2"));
  EXPECT_THAT(advice("RUN curl -H 'Authorization: Bearer abcdef' https://example.org\n"),
              ElementsAre("SecretInRun:2"));
  EXPECT_THAT(advice("RUN login --password $PW && TOKEN=$(cat /run/secrets/t) make\n"), IsEmpty());
}

TEST(UselessCd, AtTheEndOfARun) {
  EXPECT_THAT(advice("RUN cd /app\n"), ElementsAre("UselessCd:2"));
  EXPECT_THAT(advice("RUN cd /app && make\n"), IsEmpty());
}

TEST(RunsAsRoot, TheLastUserCounts) {
  EXPECT_THAT(advice("USER app\nRUN true\nUSER root\n"), ElementsAre("RunsAsRoot:4"));
  EXPECT_THAT(advice("USER root\nRUN true\nUSER app\n"), IsEmpty());
  EXPECT_THAT(found("FROM base:1 AS a\nUSER root\nFROM base:1\nUSER app\n"), IsEmpty());
}

TEST(WriteAfterVolume, BelowItsPath) {
  EXPECT_THAT(advice("VOLUME /data\nRUN mkdir /data/x\nCOPY a /data/\n"),
              ElementsAre("WriteAfterVolume:3", "WriteAfterVolume:4"));
  EXPECT_THAT(advice("RUN mkdir /data\nVOLUME /data\nRUN ls /data > /database\n"), IsEmpty());
}

TEST(KeywordSpacing, OneBlankAndNoneAtTheEnd) {
  EXPECT_THAT(advice("RUN   true\nRUN true  \n"),
              ElementsAre("KeywordSpacing:2", "KeywordSpacing:3"));
  EXPECT_THAT(advice("RUN <<EOF\necho   a  \nEOF\n"), IsEmpty());
}

TEST(Report, JsonHasDockersMembers) {
  const auto file = dockerfile::parse("Dockerfile", "FROM scratch as a\n");
  ASSERT_TRUE(file);
  const auto json = nlohmann::json::parse(check_json({file->source, lint(*file, {})}));
  EXPECT_EQ(json["warnings"][0]["ruleName"], "FromAsCasing");
  EXPECT_EQ(json["warnings"][0]["url"], "docs/lint-rules.md#from-as-casing");
  EXPECT_EQ(json["warnings"][0]["location"]["ranges"][0]["start"]["line"], 1);
  EXPECT_EQ(json["sources"][0]["filename"], "Dockerfile");
  EXPECT_EQ(json["sources"][0]["data"], "RlJPTSBzY3JhdGNoIGFzIGEK");
  EXPECT_FALSE(json.contains("buildError"));
}

TEST(Report, TextFramesTheLines) {
  const auto file = dockerfile::parse("Dockerfile", "FROM scratch as a\nENV b=c\n");
  ASSERT_TRUE(file);
  EXPECT_THAT(check_text({file->source, lint(*file, {})}, "dir/Dockerfile"),
              HasSubstr("dir/Dockerfile:1\n--------------------\n   1 | >>> FROM scratch as a\n"
                        "   2 |     ENV b=c\n   3 |     \n--------------------\n"));
}

/// The members that the SARIF 2.1.0 schema requires, and the values that it allows.
void check_sarif(const nlohmann::json& log) {
  ASSERT_EQ(log.at("version"), "2.1.0");
  ASSERT_TRUE(log.at("$schema").get<std::string>().starts_with("https://"));
  ASSERT_EQ(log.at("runs").size(), 1U);
  const auto& run = log["runs"][0];
  const auto& driver = run.at("tool").at("driver");
  EXPECT_EQ(driver.at("name"), "kiln");
  for (const auto& rule : driver.at("rules")) {
    EXPECT_FALSE(rule.at("id").get<std::string>().empty());
    EXPECT_TRUE(rule.at("shortDescription").at("text").get<std::string>().ends_with('.'));
    EXPECT_TRUE(rule.at("help").contains("text"));
  }
  EXPECT_TRUE(run.at("invocations").at(0).at("executionSuccessful").is_boolean());
  for (const auto& result : run.at("results")) {
    const auto index = result.at("ruleIndex").get<std::size_t>();
    EXPECT_EQ(driver["rules"].at(index)["id"], result.at("ruleId"));
    EXPECT_TRUE(result.at("level") == "warning" || result.at("level") == "note");
    EXPECT_FALSE(result.at("message").at("text").get<std::string>().empty());
    const auto& place = result.at("locations").at(0).at("physicalLocation");
    EXPECT_FALSE(place.at("artifactLocation").at("uri").get<std::string>().empty());
    EXPECT_GE(place.at("region").at("startLine").get<int>(), 1);
    EXPECT_GE(place["region"].at("endLine"), place["region"]["startLine"]);
    if (!result.contains("fixes")) continue;
    for (const auto& change : result["fixes"].at(0).at("artifactChanges")) {
      EXPECT_TRUE(change.contains("artifactLocation"));
      for (const auto& replacement : change.at("replacements")) {
        EXPECT_GE(replacement.at("deletedRegion").at("startColumn").get<int>(), 1);
        EXPECT_TRUE(replacement.at("insertedContent").at("text").is_string());
      }
    }
  }
}

TEST(Sarif, HasWhatTheSchemaRequires) {
  const auto file =
      dockerfile::parse("Dockerfile", "FROM scratch as A\nENV b c\nCMD a\nMAINTAINER me\n");
  ASSERT_TRUE(file);
  const auto findings = lint(*file, {});
  ASSERT_GE(findings.size(), 5U);
  check_sarif(nlohmann::json::parse(sarif({file->source, findings}, "my dir/Dockerfile", "1")));
  const auto log = nlohmann::json::parse(sarif({file->source, findings}, "a:b c", "1"));
  const auto& place = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
  EXPECT_EQ(place["artifactLocation"]["uri"], "a%3Ab%20c");
}

TEST(Sarif, AnErrorIsANotification) {
  const dockerfile::Source source("Dockerfile", "FROM scratch\nBOGUS\n");
  const Error error = dockerfile::parse("Dockerfile", source.text()).error();
  const auto log = nlohmann::json::parse(sarif({source, {}, &error}, "Dockerfile", "1"));
  check_sarif(log);
  const auto& invocation = log["runs"][0]["invocations"][0];
  EXPECT_EQ(invocation["executionSuccessful"], false);
  const auto& notification = invocation["toolExecutionNotifications"][0];
  EXPECT_THAT(notification["message"]["text"].get<std::string>(), HasSubstr("BOGUS"));
  EXPECT_EQ(notification["locations"][0]["physicalLocation"]["region"]["startLine"], 2);
}

}  // namespace
}  // namespace kiln::lint
