// SPDX-License-Identifier: Apache-2.0
#include "format/json_indent.h"

#include <gtest/gtest.h>

namespace kiln::format {
namespace {

TEST(JsonIndent, LaysOutAsGoDoes) {
  EXPECT_EQ(indent_json(R"({"a":1,"b":[true,{"c":null}],"d":{},"e":[ ],"f":"x"})", "\t"),
            "{\n\t\"a\": 1,\n\t\"b\": [\n\t\ttrue,\n\t\t{\n\t\t\t\"c\": null\n\t\t}\n\t],\n"
            "\t\"d\": {},\n\t\"e\": [],\n\t\"f\": \"x\"\n}");
}

TEST(JsonIndent, StringsStayAsTheyAre) {
  EXPECT_EQ(indent_json("{ \"a:b, {\\\" \\\\\" :\n\"\\u003c] \" }", " "),
            "{\n \"a:b, {\\\" \\\\\": \"\\u003c] \"\n}");
}

TEST(JsonIndent, LaidOutTextIsLaidOutAnew) {
  const std::string once = indent_json(R"([{"a":[1,2]},[]])", "   ");
  EXPECT_EQ(indent_json(indent_json(once, "\t"), "   "), once);
}

}  // namespace
}  // namespace kiln::format
