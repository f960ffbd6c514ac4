// SPDX-License-Identifier: Apache-2.0
#include "snapshot/whiteout_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "os/test_temp_dir.h"
#include "snapshot/layer_form.h"

namespace kiln::snapshot {
namespace {

using os::test::must;
using testing::ElementsAre;
using testing::IsEmpty;

class WhiteoutNames : public testing::Test {
 protected:
  void file(const std::string& name) { must(must(dir_.open_dir("d")).create_file(name, 0644)); }
  os::FileInfo info(const std::string& name) { return must(must(dir_.open_dir("d")).stat(name)); }
  bool is_opaque(const std::string& name) {
    return must(must(dir_.open_dir("d")).xattrs(name)).contains(kOpaqueXattr);
  }
  WhiteoutNames() { must(dir_.create_dir("d", 0755)); }

  os::test::TempDir temp_;
  os::Dir dir_ = must(os::Dir::open(temp_.path()));
};

TEST_F(WhiteoutNames, AFileHidesWhatItIsNamedAfter) {
  file(".wh.gone");
  file("kept");
  EXPECT_THAT(must(adopt_whiteout_names(dir_)), ElementsAre("d/.wh.gone"));
  EXPECT_TRUE(info("gone").is_whiteout());
  EXPECT_FALSE(must(must(dir_.open_dir("d")).find(".wh.gone")));
  EXPECT_THAT(must(adopt_whiteout_names(dir_)), IsEmpty());
}

TEST_F(WhiteoutNames, WhatTheLayerHasItselfStays) {
  file(".wh.f");
  file("f");
  file(".wh.sub");
  must(must(dir_.open_dir("d")).create_dir("sub", 0755));
  must(adopt_whiteout_names(dir_));
  EXPECT_EQ(info("f").type, os::FileType::file);
  EXPECT_TRUE(is_opaque("sub"));
}

TEST_F(WhiteoutNames, MarksOfAWholeDirectoryAndOfNothing) {
  file(".wh..wh..opq");
  file(".wh..wh.plnk");
  EXPECT_THAT(must(adopt_whiteout_names(dir_)), ElementsAre("d/.wh..wh..opq", "d/.wh..wh.plnk"));
  EXPECT_TRUE(is_opaque("."));
  file(".wh.");
  EXPECT_EQ(adopt_whiteout_names(dir_).error().kind(), ErrorKind::corrupt);
}

TEST_F(WhiteoutNames, ADirectoryOfSuchANameIsRefused) {
  must(must(dir_.open_dir("d")).create_dir(".wh.sub", 0755));
  EXPECT_EQ(adopt_whiteout_names(dir_).error().message(),
            "/d/.wh.sub: a directory whose name begins with .wh. can't be kept in a layer");
}

TEST_F(WhiteoutNames, APlanIsTreatedAsADirectoryIs) {
  const auto add = [](PlannedEntry& parent, const std::string& name, archive::EntryType type) {
    PlannedEntry child;
    child.inode->type = type;
    return &parent.children.emplace(name, std::move(child)).first->second;
  };
  PlannedEntry root;
  PlannedEntry& d = *add(root, "d", archive::EntryType::directory);
  for (const char* name : {".wh.gone", ".wh.f", "f", ".wh.sub", ".wh..wh..opq"})
    add(d, name, archive::EntryType::file);
  add(d, "sub", archive::EntryType::directory);
  must(adopt_whiteout_names(root));
  std::vector<std::string> names;
  for (const auto& [name, child] : d.children) names.push_back(name);
  EXPECT_THAT(names, ElementsAre("f", "gone", "sub"));
  EXPECT_TRUE(d.opaque && d.children.at("gone").whiteout && d.children.at("sub").opaque);
  EXPECT_FALSE(d.children.at("f").whiteout);
  add(d, ".wh.x", archive::EntryType::directory);
  EXPECT_EQ(adopt_whiteout_names(root).error().kind(), ErrorKind::invalid_input);
}

}  // namespace
}  // namespace kiln::snapshot
