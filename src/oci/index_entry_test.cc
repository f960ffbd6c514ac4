// SPDX-License-Identifier: Apache-2.0
#include "oci/index_entry.h"

#include <gtest/gtest.h>

namespace kiln::oci {
namespace {

const std::string kHex(64, 'a');

/// An index with all that an entry may say, as buildx writes it.
std::string full_text() {
  return R"({
  "schemaVersion": 2,
  "mediaType": "application/vnd.oci.image.index.v1+json",
  "manifests": [
    {
      "mediaType": "application/vnd.oci.image.manifest.v1+json",
      "digest": "sha256:)" +
         kHex + R"(",
      "size": 7,
      "urls": [
        "https://example.com/\u003cx\u003e"
      ],
      "annotations": {
        "a": "b \u0026 c"
      },
      "data": "e30=",
      "platform": {
        "architecture": "arm",
        "os": "windows",
        "os.version": "10.0",
        "os.features": [
          "win32k"
        ],
        "variant": "v7"
      },
      "artifactType": "application/x"
    }
  ],
  "annotations": {
    "of": "the index"
  }
})";
}

TEST(IndexEntry, WhatIsReadIsWrittenByteByByte) {
  const auto index = FullIndex::parse(full_text());
  ASSERT_TRUE(index.ok());
  EXPECT_EQ(index->to_json(), full_text());
  EXPECT_EQ(index->entries[0].descriptor().platform->str(), "windows/arm/v7");
}

TEST(IndexEntry, DockersFormHasPlatformsAndNoAnnotations) {
  auto index = FullIndex::parse(full_text()).value();
  index.entries[0].platform.reset();
  const std::string text = index.to_docker_json();
  EXPECT_EQ(text.find("annotations"), std::string::npos);
  EXPECT_NE(text.find("\"size\": 7,\n         \"digest\": \"sha256:"), std::string::npos);
  EXPECT_NE(text.find("\"platform\": {\n            \"architecture\": \"\",\n            \"os\": "
                      "\"\"\n         }\n      }\n   ]\n}"),
            std::string::npos);
}

TEST(IndexEntry, WhatIsNoneIsCorrupt) {
  const std::string begin = R"({"schemaVersion":2,"manifests":[)";
  for (const std::string& entry :
       {std::string("1"), std::string("{}"), std::string(R"({"digest":"sha256:x","size":1})"),
        R"({"digest":"sha256:)" + kHex + R"(","size":-1})",
        R"({"digest":"sha256:)" + kHex + R"(","size":1,"urls":1})",
        R"({"digest":"sha256:)" + kHex + R"(","size":1,"platform":[]})"}) {
    const auto index = FullIndex::parse(begin + entry + "]}");
    ASSERT_FALSE(index.ok()) << entry;
    EXPECT_EQ(index.error().kind(), ErrorKind::corrupt) << entry << index.error().message();
  }
  EXPECT_FALSE(FullIndex::parse(R"({"mediaType":"text/plain","manifests":[]})").ok());
}

}  // namespace
}  // namespace kiln::oci
