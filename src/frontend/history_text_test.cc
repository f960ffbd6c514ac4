// SPDX-License-Identifier: Apache-2.0
#include "frontend/history_text.h"

#include <gtest/gtest.h>

#include "frontend/ports.h"
#include "frontend/variables.h"

namespace kiln::frontend {
namespace {

using Strings = std::vector<std::string>;

TEST(HistoryText, ListsAsGoDoes) {
  EXPECT_EQ(go_quoted_list({"a", "b c"}), R"(["a" "b c"])");
  EXPECT_EQ(go_quoted_list({}), "[]");
  EXPECT_EQ(go_quoted_list({"a\u00a0b"}), R"(["a\u00a0b"])");
  EXPECT_EQ(go_list({"a", "b c"}), "[a b c]");
}

TEST(HistoryText, RunNamesTheArgumentsThatItSaw) {
  EXPECT_EQ(run_text({"/bin/sh", "-c", "echo hi"}, {}), "RUN /bin/sh -c echo hi");
  EXPECT_EQ(run_text({"/bin/sh", "-c", "echo"}, {"A=1", "B=x y"}),
            "RUN |2 A=1 B=x y /bin/sh -c echo");
}

TEST(HistoryText, HealthcheckIsWrittenAsBuildKitDoes) {
  oci::Healthcheck check;
  check.test = {"CMD-SHELL", "curl -f x"};
  check.interval = 300'000'000'000;
  check.timeout = 3'000'000'000;
  check.retries = 3;
  EXPECT_EQ(healthcheck_text(check),
            R"(HEALTHCHECK &{["CMD-SHELL" "curl -f x"] "5m0s" "3s" "0s" "0s" '\x03'})");
  oci::Healthcheck none;
  none.test = {"NONE"};
  EXPECT_EQ(healthcheck_text(none), R"(HEALTHCHECK &{["NONE"] "0s" "0s" "0s" "0s" '\x00'})");
}

TEST(Ports, NumberAloneIsTcp) {
  EXPECT_EQ(*parse_ports("80"), Strings{"80/tcp"});
  EXPECT_EQ(*parse_ports("80/UDP"), Strings{"80/udp"});
  EXPECT_EQ(*parse_ports("80/sctp"), Strings{"80/sctp"});
}

TEST(Ports, RangeIsAllOfIt) {
  EXPECT_EQ(*parse_ports("7000-7002/udp"), (Strings{"7000/udp", "7001/udp", "7002/udp"}));
  EXPECT_EQ(*parse_ports("7-7"), Strings{"7/tcp"});
}

TEST(Ports, AddressAndHostPortAreDropped) {
  EXPECT_EQ(*parse_ports("127.0.0.1:80:81"), Strings{"81/tcp"});
  EXPECT_EQ(*parse_ports("8080:81/udp"), Strings{"81/udp"});
}

TEST(Ports, WhatIsNoneIsInvalid) {
  for (const char* text : {"", "x", "80/x", "65536", "-1", "9-8", "80-", "/tcp", "0x50", "x:80",
                           "a:1:80", "1-99999999999999999999"}) {
    const auto result = parse_ports(text);
    ASSERT_FALSE(result.ok()) << text;
    EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
  }
}

TEST(Signals, NamesAndNumbers) {
  for (const char* text :
       {"9", "SIGTERM", "term", "sigkill", "RTMIN", "SIGRTMIN+3", "RTMAX-1", "64", "65", "-9"})
    EXPECT_TRUE(is_signal(text)) << text;
  for (const char* text : {"", "0", "SIGNONE", "RTMIN+99", "RTMAX-15", "SIG"})
    EXPECT_FALSE(is_signal(text)) << text;
}

TEST(Variables, AreInTheOrderOfTheirValues) {
  Variables variables;
  variables.set("B", "1");
  variables.set("A", "2");
  variables.set("B", "3=4");
  EXPECT_EQ(variables.as_env(), (Strings{"A=2", "B=3=4"}));
  EXPECT_EQ(variables.find("A"), "2");
  EXPECT_EQ(variables.find("C"), std::nullopt);
}

}  // namespace
}  // namespace kiln::frontend
