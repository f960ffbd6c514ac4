// SPDX-License-Identifier: Apache-2.0
#include "registry/json_member.h"

#include <gtest/gtest.h>

namespace kiln::registry {
namespace {

TEST(JsonMember, IsAddedToWhatIsThere) {
  const nlohmann::json value = {{"a", 1}};
  const std::string alone = "{\n\t\"auths\": {\n\t\t\"a\": 1\n\t}\n}\n";
  EXPECT_EQ(with_member("{}", "auths", value), alone);
  EXPECT_EQ(with_member(" { }\n", "auths", value), alone);
  EXPECT_EQ(with_member("{\"n\": 12345678901234567890123, \"auth\": \"}\\\"\" }\n", "auths", value),
            "{\"n\": 12345678901234567890123, \"auth\": \"}\\\"\"," + alone.substr(1));
}

TEST(JsonMember, IsReplacedAndNothingElseIs) {
  const std::string before = "{ \"b\": [1.50, {\"auths\": 1}],\n \"s\": \"\\\"auths\\\": 1\", ";
  const std::string after = " ,\"big\":1e400, \"auths2\": {\"auths\": {}} }";
  for (const char* old : {"{}", "null", "{\"x\": \"},]\", \"auths\": [1, 2]}"}) {
    EXPECT_EQ(with_member(before + "\"auths\" : " + old + after, "auths", {{"a", 1}}),
              before + "\"auths\" : {\n\t\t\"a\": 1\n\t}" + after);
  }
  EXPECT_EQ(with_member("{\"auths\":1}", "auths", nlohmann::json::object()), "{\"auths\":{}}");
}

}  // namespace
}  // namespace kiln::registry
