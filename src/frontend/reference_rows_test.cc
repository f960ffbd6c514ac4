// SPDX-License-Identifier: Apache-2.0
// tests/rows/files.json: what the reference builder makes of Dockerfiles without a base image.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <regex>

#include "base/strings.h"
#include "dockerfile/test_rows.h"
#include "frontend/frontend_test_kit.h"

namespace kiln::frontend {
namespace {

using nlohmann::json;
using ReferenceRows = testing::PlanTest;

BuildOptions options_of(const json& row, BuildOptions options) {
  const auto flags = row.value("flags", std::vector<std::string>());
  for (std::size_t i = 0; i + 1 < flags.size(); i += 2) {
    const auto [name, value] = split_once(flags[i + 1], '=');
    if (flags[i] == "--target") {
      options.target = flags[i + 1];
    } else if (value) {
      options.build_args[std::string(name)] = *value;
    }
  }
  return options;
}

/// The line that an error begins with, as `Dockerfile:LINE: `; the reference counts the first of
/// several.
unsigned line_of(const Error& error) {
  std::smatch match;
  const std::string& message = error.message();
  if (!std::regex_search(message, match, std::regex("^Dockerfile:([0-9]+): "))) return 0;
  return static_cast<unsigned>(std::stoul(match[1]));
}

json config_of(const BuildPlan& plan) {
  oci::ImageConfig config = plan.config;
  json out = json::object();
  const json all = json::parse(config.to_json());
  for (const auto& [key, value] : all.at("config").items()) {
    if (!value.is_null() && value != json::object() && value != json::array() && value != "" &&
        key != "ArgsEscaped") {
      out[key] = value;
    }
  }
  return out;
}

TEST_F(ReferenceRows, DockerfilesComeToWhatTheReferenceMakesOfThem) {
  const json document = dockerfile::test::read_rows("files.json");
  ASSERT_TRUE(document.is_object());
  ASSERT_GE(document.at("rows").size(), 300U);
  const BuildOptions defaults = options;
  for (const json& row : document.at("rows")) {
    const auto text = row.at("dockerfile").get<std::string>();
    options = options_of(row, defaults);
    const auto result = try_plan(text);
    if (row.contains("message")) {
      EXPECT_FALSE(result.ok()) << "--- built:\n" << text << "\n" << row.at("message");
      if (!result.ok() && row.contains("line")) {
        EXPECT_EQ(line_of(result.error()), row.at("line").get<unsigned>())
            << "---\n"
            << text << "\n"
            << result.error().message() << "\n"
            << row.at("message");
      }
    } else if (!result.ok()) {
      ADD_FAILURE() << "--- failed:\n" << text << "\n" << result.error().message();
    } else {
      EXPECT_EQ(config_of(*result), row.at("config")) << "---\n" << text;
    }
  }
}

}  // namespace
}  // namespace kiln::frontend
