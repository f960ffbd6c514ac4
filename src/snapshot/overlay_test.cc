// SPDX-License-Identifier: Apache-2.0
#include "snapshot/overlay.h"

#include <gtest/gtest.h>

#include "os/test_mounts.h"
#include "os/test_temp_dir.h"
#include "snapshot/layer_form.h"
#include "store/store.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using os::test::TempDir;
using os::test::write_file_in;

class OverlayTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reason_.empty()) GTEST_SKIP() << reason_;
  }
  /// A layer with one file; `name` also makes its diff ID.
  oci::DiffId layer(const std::string& name, unsigned mode = 0755, bool opaque_root = false) {
    auto ingest = must(store_.layers().create());
    write_file_in(ingest.fs(), name, name);
    must(ingest.fs().set_mode(".", mode));
    if (opaque_root) must(ingest.fs().set_xattr(".", kOpaqueXattr, "y"));
    store::LayerInfo info;
    info.diff_id = oci::DiffId::of(name);
    must(store_.layers().commit(std::move(ingest), info));
    return oci::DiffId::of(name);
  }
  Result<os::Mount> mount(const std::vector<oci::DiffId>& layers) {
    for (const char* name : {"upper", "work", "merged"}) top_.make_dir(name);
    return mount_layers(store_.layers(), layers, top_.path("upper"), top_.path("work"),
                        top_.path("merged"), top_.path("empty"));
  }

  /// First: what was opened in another mount namespace can't be mounted.
  const std::string& reason_ = os::test::why_no_mounts();
  TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path("store")));
};

TEST_F(OverlayTest, StackOfNoLayersIsAnEmptyRootThatTakesWrites) {
  const auto mounted = must(mount({}));
  EXPECT_TRUE(must(must(os::Dir::open(mounted.target())).list()).empty());
  top_.write("merged/new", "x");
  EXPECT_TRUE(top_.exists("upper/new"));
}

TEST_F(OverlayTest, LayersAreSeenAndWritesGoToTheUpperDirectory) {
  const auto low = layer("low"), high = layer("high", 0700);
  {
    const auto mounted = must(mount({low, high}));
    EXPECT_EQ(top_.read("merged/low"), "low");
    EXPECT_EQ(top_.read("merged/high"), "high");
    EXPECT_EQ(must(must(os::Dir::open(mounted.target())).stat(".")).permissions, 0755u)
        << "a private root would lock all other users out";
    top_.write("merged/low", "changed");
  }
  EXPECT_FALSE(top_.exists("merged/low")) << "still mounted";
  EXPECT_EQ(top_.read("upper/low"), "changed");
  EXPECT_EQ(os::test::read_file_in(must(store_.layers().open_fs(low)), "low"), "low");
}

TEST_F(OverlayTest, RepeatedLayerCountsOnce) {
  const auto a = layer("a"), b = layer("b");
  const auto mounted = must(mount({a, b, a, a}));
  EXPECT_EQ(top_.read("merged/a"), "a");
  EXPECT_EQ(top_.read("merged/b"), "b");
}

TEST_F(OverlayTest, OpaqueRootHidesAllLowerLayers) {
  const auto low = layer("low"), high = layer("high", 0755, true);
  const auto mounted = must(mount({low, high}));
  EXPECT_TRUE(top_.exists("merged/high"));
  EXPECT_FALSE(top_.exists("merged/low")) << "LayerView and RUN see different file systems";
}

TEST_F(OverlayTest, HundredsOfLayersMount) {
  std::vector<oci::DiffId> layers;
  for (int i = 0; i < 300; ++i) layers.push_back(layer("layer" + std::to_string(i)));
  const auto mounted = mount(layers);
  if (!mounted.ok() && mounted.error().kind() == ErrorKind::unsupported)
    GTEST_SKIP() << mounted.error().message();
  ASSERT_TRUE(mounted.ok()) << mounted.error().message();
  EXPECT_TRUE(top_.exists("merged/layer0") && top_.exists("merged/layer299"));
}

TEST_F(OverlayTest, LayerThatIsNotThereIsNotFound) {
  const auto mounted = mount({oci::DiffId::of("absent")});
  ASSERT_FALSE(mounted.ok());
  EXPECT_EQ(mounted.error().kind(), ErrorKind::not_found);
}

}  // namespace
}  // namespace kiln::snapshot
