// SPDX-License-Identifier: Apache-2.0
#include "store/manifest_lists.h"

#include <gtest/gtest.h>

#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

class ManifestListsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto opened = Store::open(folder.path("store"));
    ASSERT_TRUE(opened.ok()) << opened.error().message();
    store.emplace(*std::move(opened));
  }
  static oci::Reference name(const std::string& text) {
    return oci::Reference::parse(text).value().with_default_tag();
  }
  static ListedManifest manifest(const std::string& reference, const std::string& content) {
    ListedManifest out;
    out.reference = reference;
    out.content = content;
    out.entry.media_type = std::string(oci::media_type::kOciManifest);
    out.entry.digest = oci::Digest::of(content);
    out.entry.size = content.size();
    out.entry.platform = oci::IndexEntry::Platform{"arm", "linux", "1", "v7", {"a", "b"}};
    return out;
  }
  os::test::TempDir folder;
  std::optional<Store> store;
};

TEST_F(ManifestListsTest, ManifestsComeInDockersOrderWithAllThatTheySay) {
  ManifestLists& lists = store->manifest_lists();
  EXPECT_FALSE(lists.find(name("app")).value());
  ASSERT_TRUE(lists.put(name("app"), {manifest("r/b:1", "{1}"), manifest("r/a:1", "{2}")}).ok());
  ASSERT_TRUE(lists.put(name("app"), {manifest("r/a/x:1", "{3}")}).ok());
  const auto found = lists.find(name("docker.io/library/app:latest")).value();
  ASSERT_TRUE(found);
  ASSERT_EQ(found->size(), 3u);
  EXPECT_EQ((*found)[0].reference, "r/a:1");
  EXPECT_EQ((*found)[1].reference, "r/a/x:1");
  EXPECT_EQ((*found)[2].reference, "r/b:1");
  EXPECT_EQ((*found)[0].content, "{2}");
  EXPECT_EQ((*found)[0].entry.to_json(), manifest("", "{2}").entry.to_json());
}

TEST_F(ManifestListsTest, PutReplacesAndRemoveForgets) {
  ManifestLists& lists = store->manifest_lists();
  ASSERT_TRUE(lists.put(name("app"), {manifest("r/a:1", "{1}")}).ok());
  ASSERT_TRUE(lists.put(name("app:2"), {manifest("r/a:1", "{3}")}).ok());
  ASSERT_TRUE(lists.put(name("app"), {manifest("r/a:1", "{2}")}).ok());
  EXPECT_EQ(lists.find(name("app")).value()->at(0).content, "{2}");
  EXPECT_TRUE(lists.remove(name("app")).value());
  EXPECT_FALSE(lists.remove(name("app")).value());
  EXPECT_FALSE(lists.find(name("app")).value());
  EXPECT_TRUE(lists.find(name("app:2")).value());
}

}  // namespace
}  // namespace kiln::store
