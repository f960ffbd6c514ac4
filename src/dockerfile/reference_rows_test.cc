// SPDX-License-Identifier: Apache-2.0
// tests/rows/*.json: what the reference builder makes of words and of ignore files.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "dockerfile/expand.h"
#include "dockerfile/ignore.h"
#include "dockerfile/test_rows.h"

namespace kiln::dockerfile {
namespace {

using nlohmann::json;
using test::read_rows;

TEST(ReferenceRows, WordsExpandAsInTheReference) {
  const json document = read_rows("expand.json");
  const auto variables = document.at("variables").get<std::map<std::string, std::string>>();
  const Lookup lookup = [&](std::string_view name) -> std::optional<std::string> {
    const auto found = variables.find(std::string(name));
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
  ASSERT_GE(document.at("rows").size(), 300U);
  for (const json& row : document.at("rows")) {
    const auto word = row.at("word").get<std::string>();
    const auto result = expand_word(word, lookup, row.value("escape", "\\")[0]);
    if (row.contains("error")) {
      EXPECT_FALSE(result.ok()) << word << " gave " << *result;
      // The part of the message that says what is wrong, behind "failed to process ...: ".
      const auto told = row.at("error").get<std::string>();
      const auto reason = told.substr(told.rfind("\": ") + 3);
      // Where the text just ends, the reference complains of the character U+FFFD.
      const bool just_ends = reason.find("\xEF\xBF\xBD") != std::string::npos;
      if (!result.ok() && !just_ends) {
        EXPECT_NE(result.error().message().find(reason), std::string::npos)
            << word << ": " << result.error().message() << "\nbut the reference: " << told;
      }
    } else {
      ASSERT_TRUE(result.ok()) << word << ": " << result.error().message();
      EXPECT_EQ(*result, row.at("value").get<std::string>()) << word;
    }
  }
}

/// The files that a walker would keep; directories of no kept file count only if they are listed.
std::set<std::string> kept_files(const IgnorePatterns& patterns, const json& files) {
  std::set<std::string> kept;
  for (const json& file : files) {
    auto path = file.get<std::string>();
    const bool directory = path.ends_with('/');
    if (directory) path.pop_back();
    if (!patterns.ignores(path)) kept.insert(path + (directory ? "/" : ""));
  }
  return kept;
}

TEST(ReferenceRows, IgnoreFilesKeepWhatTheReferenceKeeps) {
  const json document = read_rows("ignore.json");
  ASSERT_GE(document.at("rows").size(), 150U);
  for (const json& row : document.at("rows")) {
    const auto text = row.at("ignore").get<std::string>();
    const auto patterns = IgnorePatterns::create(parse_ignore_file(text));
    if (row.contains("error")) {
      EXPECT_FALSE(patterns.ok()) << text;
      continue;
    }
    ASSERT_TRUE(patterns.ok()) << text << ": " << patterns.error().message();
    EXPECT_EQ(kept_files(*patterns, document.at("files")),
              row.at("kept").get<std::set<std::string>>())
        << text;
  }
}

}  // namespace
}  // namespace kiln::dockerfile
