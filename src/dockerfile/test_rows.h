// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

namespace kiln::dockerfile::test {

/// A file of tests/rows: of the project's folder, or of the copy that the environment's
/// KILN_TEST_ROWS names, for a user who can't enter that folder.
inline nlohmann::json read_rows(const std::string& name) {
  const char* copy = std::getenv("KILN_TEST_ROWS");  // NOLINT(concurrency-mt-unsafe)
  std::ifstream file(std::string(copy != nullptr ? copy : KILN_TEST_ROWS) + "/" + name);
  nlohmann::json document = nlohmann::json::parse(file, nullptr, false);
  EXPECT_TRUE(document.is_object()) << name;
  return document;
}

}  // namespace kiln::dockerfile::test
