// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "llb/encoder.h"
#include "llb/file_mode.h"
#include "llb/graph.h"

namespace kiln::llb {
namespace {

TEST(Encoder, DifferentFieldsNeverEncodeAlike) {
  EXPECT_NE(Encoder().list("a", {"x", "y"}).text(), Encoder().list("a", {"x y"}).text());
  EXPECT_NE(Encoder().list("a", {"x\n- 1:y"}).text(), Encoder().list("a", {"x", "y"}).text());
  EXPECT_NE(Encoder().field("a", "").field("b", "c").text(),
            Encoder().field("a", "b").field("", "c").text());
  EXPECT_EQ(Encoder().field("n", 7).text(), "n 1:7\n");
}

TEST(Op, IdentityIsWhatDefinesTheResult) {
  ExecOp a;
  a.argv = {"sh", "-c", "true"};
  ExecOp b = a;
  b.unkeyed_env = {"http_proxy=x"};
  EXPECT_EQ(encode(a), encode(b));
  b.env = {"A=1"};
  EXPECT_NE(encode(a), encode(b));
  ExecOp c = a;
  c.network = NetworkMode::none;
  EXPECT_NE(encode(a), encode(c));
  ExecOp d = a;
  d.argv = {"sh", "-c true"};
  EXPECT_NE(encode(a), encode(d));
}

TEST(Graph, EqualVerticesAreOne) {
  Graph graph;
  const VertexId image = graph.add({ImageSource{}, {}, {}});
  ExecOp exec;
  exec.argv = {"true"};
  const VertexId first = graph.add({exec, {image}, {"[1/2] RUN true", "", "", ""}});
  const VertexId second = graph.add({exec, {image}, {"another name", "", "", ""}});
  EXPECT_EQ(first, second);
  EXPECT_NE(graph.add({exec, {first}, {}}), first);
}

TEST(Graph, NeedsOnlyWhatTheTargetUses) {
  Graph graph;
  const VertexId image = graph.add({ImageSource{}, {}, {}});
  ExecOp exec;
  exec.argv = {"a"};
  const VertexId a = graph.add({exec, {image}, {}});
  exec.argv = {"b"};
  const VertexId b = graph.add({exec, {image}, {}});
  EXPECT_EQ(graph.needed_by(b), (std::vector<VertexId>{image, b}));
  EXPECT_EQ(graph.needed_by(a), (std::vector<VertexId>{image, a}));
}

TEST(Graph, ShownIsTheVertexOrTheNearestOnesWithNames) {
  Graph graph;
  const VertexId image = graph.add({ImageSource{}, {}, {"FROM a", "", "", ""}});
  ExecOp exec;
  exec.argv = {"true"};
  const VertexId step = graph.add({exec, {image}, {"RUN true", "", "", ""}});
  const VertexId below = graph.add({MergeOp{}, {image, step}, {}});
  const VertexId merge = graph.add({MergeOp{}, {below, step}, {}});
  EXPECT_EQ(graph.shown(step), (std::vector<VertexId>{step}));
  EXPECT_EQ(graph.shown(merge), (std::vector<VertexId>{image, step}));
}

struct ModeRow {
  const char* text;
  std::uint32_t old, file, directory;
};
class FileMode : public testing::TestWithParam<ModeRow> {};
TEST_P(FileMode, Applies) {
  const ModeRow& row = GetParam();
  ASSERT_TRUE(check_mode(row.text).ok());
  EXPECT_EQ(apply_mode(row.text, row.old, IsDirectory::no), row.file);
  EXPECT_EQ(apply_mode(row.text, row.old, IsDirectory::yes), row.directory);
}
INSTANTIATE_TEST_SUITE_P(
    Rows, FileMode,
    testing::Values(ModeRow{"755", 0, 0755, 0755}, ModeRow{"0", 0777, 0, 0},
                    ModeRow{"4711", 0, 04711, 04711}, ModeRow{"u=rwX,go=rX", 0640, 0644, 0755},
                    ModeRow{"u=rwX,go=rX", 0740, 0755, 0755}, ModeRow{"go-rwx", 0777, 0700, 0700},
                    ModeRow{"+x", 0644, 0755, 0755}, ModeRow{"a=r", 0777, 0444, 0444},
                    ModeRow{"u+s", 0755, 04755, 04755}, ModeRow{"g=u", 0740, 0770, 0770},
                    ModeRow{"u-w+x", 0600, 0500, 0500}, ModeRow{"+t", 0755, 01755, 01755},
                    ModeRow{"o+t", 0755, 0755, 0755}, ModeRow{"o=t", 04755, 04750, 04750},
                    ModeRow{"o=s", 04755, 04750, 04750}, ModeRow{"u=rw,go=", 01777, 01600, 01600},
                    ModeRow{"=rx", 01755, 01555, 01555}, ModeRow{"=rt", 0777, 01777, 01777},
                    ModeRow{"a=rX", 01755, 01555, 01555}, ModeRow{"g=u", 02755, 02775, 02775},
                    ModeRow{"g=u", 06755, 06775, 06775}, ModeRow{"g+u-w", 0640, 0640, 0640},
                    ModeRow{"go=u-w", 01777, 01755, 01755}, ModeRow{"go=u-w", 02755, 02755, 02755},
                    ModeRow{"g=ux", 0640, 0610, 0610}, ModeRow{"a-x,a+X", 0755, 0755, 0755},
                    ModeRow{"a-X", 0755, 0644, 0644}, ModeRow{"u=,g=rs", 0755, 02045, 02045}));

TEST(FileMode, RefusesWhatIsNone) {
  for (const char* bad : {"", "8", "77777", "u", "u~x", "rwx", "u=rwx,", "x=r"})
    EXPECT_FALSE(check_mode(bad).ok()) << bad;
}

}  // namespace
}  // namespace kiln::llb
