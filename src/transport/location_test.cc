// SPDX-License-Identifier: Apache-2.0
#include "transport/location.h"

#include <gtest/gtest.h>

namespace kiln::transport {
namespace {

using Transport = Location::Transport;

TEST(Location, EveryTransportHasItsParts) {
  const auto registry = Location::parse("docker://example.com/a:1").value();
  EXPECT_EQ(registry.transport, Transport::registry);
  EXPECT_EQ(registry.reference->canonical(), "example.com/a:1");
  const auto layout = Location::parse("oci:/a/b:tag").value();
  EXPECT_EQ(layout.transport, Transport::oci_layout);
  EXPECT_EQ(layout.path, "/a/b");
  EXPECT_EQ(layout.tag, "tag");
  EXPECT_EQ(Location::parse("oci:dir").value().tag, "");
  EXPECT_EQ(Location::parse("oci-archive:f.tar").value().transport, Transport::oci_archive);
  const auto archive = Location::parse("docker-archive:f.tar:a/b:1").value();
  EXPECT_EQ(archive.transport, Transport::docker_archive);
  EXPECT_EQ(archive.path, "f.tar");
  EXPECT_EQ(archive.tag, "a/b:1");
  EXPECT_EQ(Location::parse("docker-archive:f.tar:@1").value().tag, "@1");
  EXPECT_EQ(Location::parse("dir:a:b").value().path, "a:b");
  for (const char* store : {"store:a:1", "containers-storage:a:1", "docker-daemon:a:1"}) {
    EXPECT_EQ(Location::parse(store).value().transport, Transport::store) << store;
    EXPECT_EQ(Location::parse(store).value().path, "a:1") << store;
  }
}

TEST(Location, WhatIsNoneIsRefusedWithTheTransportsThatThereAre) {
  const auto none = Location::parse("busybox");
  ASSERT_FALSE(none.ok());
  EXPECT_EQ(none.error().kind(), ErrorKind::invalid_input);
  EXPECT_NE(none.error().hint().find("docker://"), std::string::npos);
  for (const char* text : {"docker:a", "oci:", "oci::tag",
                           "oci:a:", "dir:", "store:", "docker-archive::x", "docker://UPPER", ""})
    EXPECT_FALSE(Location::parse(text).ok()) << text;
}

}  // namespace
}  // namespace kiln::transport
