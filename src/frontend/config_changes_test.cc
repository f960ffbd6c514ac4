// SPDX-License-Identifier: Apache-2.0
#include "frontend/config_changes.h"

#include <gmock/gmock.h>

namespace kiln::frontend {
namespace {

using ::testing::ElementsAre;

oci::ImageConfig config() {
  oci::ImageConfig out;
  out.platform = {"linux", "amd64", {}};
  out.config.env = {"PATH=/bin", "A=1"};
  return out;
}

TEST(ConfigChanges, EveryAllowedInstructionChangesItsMember) {
  const auto changed =
      apply_changes(config(), {"CMD [\"a\"]", "ENTRYPOINT e", "ENV A=2 B=3", "EXPOSE 80",
                               "HEALTHCHECK NONE", "LABEL k=v", "ONBUILD RUN x",
                               "STOPSIGNAL SIGINT", "USER u", "VOLUME /v", "workdir /w"});
  ASSERT_TRUE(changed.ok()) << changed.error().message();
  EXPECT_THAT(*changed->command, ElementsAre("a"));
  EXPECT_THAT(*changed->entrypoint, ElementsAre("/bin/sh", "-c", "e"));
  EXPECT_THAT(changed->env, ElementsAre("PATH=/bin", "A=2", "B=3"));
  EXPECT_THAT(changed->exposed_ports, ElementsAre("80/tcp"));
  EXPECT_THAT(changed->healthcheck->test, ElementsAre("NONE"));
  EXPECT_EQ(changed->labels.at("k"), "v");
  EXPECT_THAT(changed->on_build, ElementsAre("RUN x"));
  EXPECT_EQ(changed->stop_signal, "SIGINT");
  EXPECT_EQ(changed->user, "u");
  EXPECT_THAT(changed->volumes, ElementsAre("/v"));
  EXPECT_EQ(changed->working_dir, "/w");
}

TEST(ConfigChanges, NoneLeavesTheConfigAsItIs) {
  EXPECT_EQ(*apply_changes(config(), {}), config().config);
}

TEST(ConfigChanges, NothingIsAddedToAConfigThatHasNothing) {
  oci::RunConfig expected;
  expected.labels = {{"a", "b"}};
  EXPECT_EQ(*apply_changes(oci::ImageConfig(), {"LABEL a=b"}), expected);
}

TEST(ConfigChanges, TriggersAreKeptAndNotRun) {
  oci::ImageConfig with = config();
  with.config.on_build = {"LABEL ran=yes"};
  const auto changed = apply_changes(with, {"ONBUILD RUN x"});
  ASSERT_TRUE(changed.ok());
  EXPECT_THAT(changed->on_build, ElementsAre("LABEL ran=yes", "RUN x"));
  EXPECT_TRUE(changed->labels.empty());
}

TEST(ConfigChanges, OthersAreRefused) {
  for (const char* change :
       {"RUN x", "COPY a b", "ADD a b", "FROM x", "ARG A", "SHELL [\"a\"]", "MAINTAINER m",
        "nonsense", "EXPOSE x", "STOPSIGNAL x", "CMD a\nRUN x"}) {
    const auto changed = apply_changes(config(), {change});
    ASSERT_FALSE(changed.ok()) << change;
    EXPECT_EQ(changed.error().kind(), ErrorKind::invalid_input) << change;
  }
}

}  // namespace
}  // namespace kiln::frontend
