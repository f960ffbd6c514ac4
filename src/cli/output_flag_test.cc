// SPDX-License-Identifier: Apache-2.0
#include "cli/output_flag.h"

#include <gtest/gtest.h>

namespace kiln::cli {
namespace {

using Type = BuildOutput::Type;

Result<std::vector<BuildOutput>> parsed(std::vector<std::string> outputs,
                                        std::vector<std::string> tags = {},
                                        OutputFlags flags = {}) {
  std::vector<std::string> warnings;
  flags.outputs = std::move(outputs);
  return parse_outputs(flags, tags, warnings);
}

BuildOutput one(const std::string& text, std::vector<std::string> tags = {}) {
  auto all = parsed({text}, std::move(tags)).value();
  EXPECT_EQ(all.size(), 1u);
  return all.front();
}

std::string refused(const std::string& text) {
  const auto all = parsed({text});
  EXPECT_FALSE(all.ok()) << text;
  return all.ok() ? "" : all.error().message();
}

TEST(OutputFlag, WithoutFlagsTheImageGoesIntoTheStore) {
  const auto all = parsed({}, {"a"}).value();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].type, Type::image);
  EXPECT_TRUE(all[0].store);
  EXPECT_EQ(all[0].names.at(0).familiar(), "a:latest");
}

TEST(OutputFlag, ShortFormsAreDirectoriesAndStandardOutput) {
  EXPECT_EQ(one("out").type, Type::local);
  EXPECT_EQ(one("out").destination, "out");
  EXPECT_EQ(one("-").type, Type::tar);
  EXPECT_EQ(one("type=tar").destination, "-");
  EXPECT_EQ(one("type=docker").type, Type::image);
  EXPECT_EQ(one("type=docker,dest=f").type, Type::docker);
}

TEST(OutputFlag, OptionsAreRead) {
  const BuildOutput image =
      one("type=image,\"name=a:1,b:2\",push=true,compression=zstd,compression-level=22,"
          "force-compression=true,store=false,annotation.x=y");
  EXPECT_EQ(image.names.size(), 2u);
  EXPECT_TRUE(image.push && !image.store && image.form.force);
  EXPECT_EQ(image.form.kind, archive::Compression::zstd);
  EXPECT_EQ(image.form.level, 22);
  EXPECT_EQ(image.annotations.images.at("").manifest.at("x"), "y");
  EXPECT_TRUE(one("type=oci,dest=d,tar=false").as_directory);
  EXPECT_EQ(one("type=local,dest=d,platform-split=true").platform_split, true);
  EXPECT_EQ(one("type=tar,source-date-epoch=7").source_date_epoch, 7);
  EXPECT_TRUE(one("type=registry,name=a").push);
}

TEST(OutputFlag, PushAndLoadAddWhatIsMissing) {
  OutputFlags flags;
  flags.push = true;
  const auto pushed = parsed({"type=oci,dest=f"}, {"a"}, flags).value();
  ASSERT_EQ(pushed.size(), 2u);
  EXPECT_TRUE(pushed[1].push && !pushed[0].push);
  flags.push = false;
  flags.load = true;
  EXPECT_EQ(parsed({"type=oci,dest=f"}, {"a"}, flags).value().size(), 2u);
  EXPECT_EQ(parsed({"type=image"}, {"a"}, flags).value().size(), 1u);
}

TEST(OutputFlag, WhatDoesNotGoTogetherIsRefused) {
  EXPECT_EQ(refused("type=local"), "dest is required for local exporter");
  EXPECT_EQ(refused("type=local,dest=-"), "dest cannot be stdout for local exporter");
  EXPECT_EQ(refused("type=image,push=true"), "tag is needed when pushing to registry");
  EXPECT_EQ(refused("dest=x,y=z"), "type is required for output");
  EXPECT_NE(refused("type=oci,dest=f,compression=zstd,oci-mediatypes=false").find("conflicts"),
            std::string::npos);
  EXPECT_NE(refused("type=oci,compression=gzip,compression-level=10").find("above 9"),
            std::string::npos);
  EXPECT_NE(refused("type=oci,compression=estargz").find("read, but not written"),
            std::string::npos);
  EXPECT_FALSE(parsed({"type=tar", "type=oci"}).ok());
  EXPECT_FALSE(parsed({"type=nothing"}).ok());
}

TEST(OutputFlag, WhatHasNoEffectIsAWarning) {
  std::vector<std::string> warnings;
  OutputFlags flags;
  flags.outputs = {"type=tar,nonsense=1,unpack=true"};
  ASSERT_TRUE(parse_outputs(flags, {}, warnings).ok());
  EXPECT_EQ(warnings, std::vector<std::string>{"the output option nonsense=1 has no effect"});
}

TEST(OutputFlag, AnnotationsGoWhereTheirTypeSays) {
  OutputFlags flags;
  flags.annotations = {"a=b", "manifest,manifest-descriptor:c=d", "index:e=f",
                       "index-descriptor:g=h", "manifest[linux/arm64/v8]:a=arm"};
  const auto all =
      parsed({"type=oci,dest=f,annotation-manifest-descriptor[arm].i=j"}, {}, flags).value();
  const OutputAnnotations& annotations = all[0].annotations;
  EXPECT_EQ(annotations.of({"linux", "amd64", {}}).manifest, (Annotations{{"a", "b"}, {"c", "d"}}));
  EXPECT_EQ(annotations.of({"linux", "arm64", {}}).manifest,
            (Annotations{{"a", "arm"}, {"c", "d"}}));
  EXPECT_EQ(annotations.of({"linux", "arm64", {}}).descriptor, (Annotations{{"c", "d"}}));
  EXPECT_EQ(annotations.of({"linux", "arm", "v7"}).descriptor,
            (Annotations{{"c", "d"}, {"i", "j"}}));
  EXPECT_EQ(annotations.index, (Annotations{{"e", "f"}}));
  EXPECT_EQ(annotations.index_descriptor, (Annotations{{"g", "h"}}));
  for (const char* bad :
       {"nope:a=b", "a", "manifest[linux/amd64:a=b", "manifest[]:a=b", "nope[linux/amd64]:a=b"}) {
    flags.annotations = {bad};
    EXPECT_FALSE(parsed({}, {}, flags).ok()) << bad;
  }
}

TEST(OutputFlag, AnnotationsNeedWhatTheyAreAbout) {
  const oci::Platform amd64{"linux", "amd64", {}}, arm64{"linux", "arm64", {}};
  OutputAnnotations index;
  ASSERT_TRUE(add_annotation(index, "index:a=b").ok());
  EXPECT_TRUE(check_annotations(index, {amd64, arm64}).ok());
  EXPECT_EQ(check_annotations(index, {amd64}).error().message(),
            "index annotations not supported for single platform export");
  OutputAnnotations other;
  ASSERT_TRUE(add_annotation(other, "manifest[linux/arm64]:a=b").ok());
  EXPECT_TRUE(check_annotations(other, {amd64, arm64}).ok());
  EXPECT_TRUE(check_annotations(other, {{"linux", "arm64", "v8"}}).ok());
  EXPECT_TRUE(check_annotations(other, {amd64}).ok());
  EXPECT_EQ(check_annotations(other, {amd64, {"linux", "arm", "v7"}}).error().message(),
            "invalid annotation: no platform linux/arm64 found in source");
}

}  // namespace
}  // namespace kiln::cli
