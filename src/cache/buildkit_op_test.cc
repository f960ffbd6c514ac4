// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_op.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "cache/buildkit_content.h"
#include "cache/buildkit_records.h"
#include "solver/solver_test_kit.h"

namespace kiln::cache {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const oci::Platform kHost{"linux", "amd64", ""};
const std::string kPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Steps whose records stand in caches that BuildKit 0.25 wrote, by the digests that it gave them.
class BuildkitOpTest : public solver::testing::FolderTest {
 protected:
  llb::VertexId add(llb::Op op, std::vector<llb::VertexId> inputs = {}) {
    return graph.add({std::move(op), std::move(inputs), {}});
  }
  static llb::ExecOp exec(std::vector<std::string> argv, std::vector<std::string> env,
                          std::string cwd) {
    llb::ExecOp out;
    out.argv = std::move(argv);
    out.env = std::move(env);
    out.cwd = std::move(cwd);
    return out;
  }
  static llb::FileOp file(llb::FileAction action) {
    llb::FileOp out;
    out.actions.push_back(std::move(action));
    return out;
  }
  static llb::CopyAction copying(const std::string& pattern, const std::string& destination) {
    llb::CopyAction out;
    out.pattern = pattern;
    out.destination = destination;
    return out;
  }
  std::string record(llb::VertexId vertex) {
    const auto op = buildkit_op(graph, vertex, kHost);
    return op ? op->record : "none";
  }
  std::string of_context(const std::vector<BuildkitFiles>& files) {
    auto tree = solver::ContextTree::open(context_path(), {}, folder + "/index");
    EXPECT_TRUE(tree.ok());
    const auto sum = buildkit_checksum(**tree, files, {});
    EXPECT_TRUE(sum.ok());
    return *sum ? buildkit_content_record(**sum) : "none";
  }
  void write_with_mode(const std::string& name, std::string_view content, unsigned mode) const {
    write(name, content);
    fs::permissions(at(name), static_cast<fs::perms>(mode));
  }

  llb::Graph graph;
  llb::VertexId base = add(llb::ImageSource{
      {oci::DiffId::parse("sha256:3b1ccb79fa2b9086d5409b86c0876a1eaad88487f85ea15249f145f053340b98")
           .value()}});
  llb::VertexId context = add(llb::LocalSource{"context", {}});
};

TEST_F(BuildkitOpTest, ImageIsNamedByItsLayers) {
  const auto& image = std::get<llb::ImageSource>(graph.vertex(base).op);
  EXPECT_EQ(buildkit_image_record(image.layers),
            "sha256:8acabd4b9d84dcac06792b4ab9d274874e0dd69e9aee4d41b1bd290933dad75e");
}

TEST_F(BuildkitOpTest, Run) {
  llb::ExecOp one = exec({"/bin/sh", "-c", "echo hello > /hello"}, {kPath}, "/");
  one.host_network_named = true;
  const auto vertex = add(one, {base});
  EXPECT_EQ(record(vertex),
            "sha256:d73996336e0fb7daa9f88714aca91c4c24d01931fcb9cd2d109e93bdae0183a7");
  const auto op = buildkit_op(graph, vertex, kHost);
  ASSERT_EQ(op->inputs.size(), 1u);
  EXPECT_EQ(op->inputs[0].vertex, base);
  EXPECT_EQ(op->inputs[0].selector,
            "sha256:8a5edab282632443219e051e4ade2d1d5bbc671c781051bf1437897cbdfea0f1");
  EXPECT_THAT(op->inputs[0].files, IsEmpty());
  llb::ExecOp two = exec({"/bin/sh", "-c", "echo $X > x"}, {kPath, "X=1"}, "/app");
  two.host_network_named = true;
  EXPECT_EQ(record(add(two, {base})),
            "sha256:87b6d69a07937696ce31e26b58fc61a83178d11b272d6ace10dd929238c02895");
}

TEST_F(BuildkitOpTest, RunWithMounts) {
  llb::CopyAction whole = copying("/src", "/src");
  whole.with_directory = true;
  const auto mounted = add(file(whole), {add(llb::ImageSource{}), context});
  llb::ExecOp bind =
      exec({"/bin/sh", "-c", "ls /in > list"}, {"PATH=/opt:" + kPath.substr(5)}, "/src/");
  bind.env.insert(bind.env.begin(), "V=1");
  bind.host_network_named = true;
  bind.mounts.emplace_back(llb::CacheMount{
      .id = "/root/.cache", .target = "/root/.cache", .input = {}, .source = "/", .owner = {}});
  bind.mounts.emplace_back(llb::BindMount{1, "/src", "/in", true});
  const auto vertex = add(bind, {base, mounted});
  EXPECT_EQ(record(vertex),
            "sha256:33ee17f1053bedb8e04f6f52c6ce9496f4e832a38bd26ed7a754ca3264015493");
  const auto op = buildkit_op(graph, vertex, kHost);
  ASSERT_EQ(op->inputs.size(), 2u);
  EXPECT_EQ(op->inputs[1].vertex, context);
  ASSERT_EQ(op->inputs[1].files.size(), 1u);
  EXPECT_EQ(op->inputs[1].files[0].path, "/src");
  llb::ExecOp secret = exec({"/bin/sh", "-c", "echo \"a<b&&c\" > /out"}, bind.env, "/src/");
  secret.host_network_named = true;
  secret.mounts.emplace_back(llb::TmpfsMount{"/t", 0, false});
  secret.mounts.emplace_back(llb::SecretMount{"s", "/run/s", "", false, {}});
  EXPECT_EQ(record(add(secret, {base})),
            "sha256:5f44e2b2a196a6d042c41afa89df1156f386685131156ca701a6aaa3e0b4dd0d");
}

TEST_F(BuildkitOpTest, Workdir) {
  EXPECT_EQ(record(add(file(llb::MkdirAction{"/app", 0755, ""}), {base})),
            "sha256:807b3e8722c68572736f54d83fd741a5b1d69ccbef218fae52b4149a56d232ce");
  EXPECT_EQ(record(add(file(llb::MkdirAction{"/src/", 0755, ""}), {base})),
            "sha256:57a5ab45ee83a930675514d2528c657cf1d5e669475f33931afc0e7c848c0e34");
  EXPECT_EQ(record(add(file(llb::MkdirAction{"/home/x", 0755, "bin"}), {base})),
            "sha256:8c5a8f5615c96a75b3c46c8470d0e04cceeb68c5083468203921d01c99ee2b02");
}

TEST_F(BuildkitOpTest, Copy) {
  EXPECT_EQ(record(add(file(copying("/a.txt", "/app/")), {base, context})),
            "sha256:4246240add2be28e0b1ac58c7fd911a09797ac0790227da9a9e580067e8a53ce");
  EXPECT_EQ(record(add(file(copying("/package*.json", "/src/")), {base, context})),
            "sha256:13ef1088ba4922e41288e57cce7ae8e6d2088253e3d12ca8f192ce1f9258e640");
  llb::CopyAction owned = copying("/src", "/src/");
  owned.chown = "bin:bin";
  owned.chmod = "640";
  EXPECT_EQ(record(add(file(owned), {base, context})),
            "sha256:5d62a142089d6aeec1347b860f80c8c81f6e2d7e5d60d84698c592b61e634677");
  llb::CopyAction added = copying("/tree", "/tree/");
  added.chown = "1000";
  added.unpack = true;
  EXPECT_EQ(record(add(file(added), {base, context})),
            "sha256:07b8b9a8f97ec314c4c371e5a2bcda7b34ef28c2a9672a80a31ee0ebb3de6d10");
}

TEST_F(BuildkitOpTest, CopyFromAStage) {
  const auto stage = add(file(llb::MkdirAction{"/o", 0755, ""}), {base});
  llb::FileOp two = file(copying("/out", "/o/"));
  two.actions.emplace_back(copying("/src/list", "/o/"));
  const auto vertex = add(two, {base, stage});
  EXPECT_EQ(record(vertex),
            "sha256:f7dc42d5b6cfeaa7c67982099fd0faa57017417c71b6f0131685cf636613a430");
  EXPECT_EQ(buildkit_op(graph, vertex, kHost)->inputs[1].selector,
            "sha256:7d8eb69d2fb60b14cf1e0020ceaa9fe1016e7945dca710c0e1411109f2ce4a16");
}

TEST_F(BuildkitOpTest, CopyWithLinkIsAMergeOrACopy) {
  const auto stage = add(file(llb::MkdirAction{"/o", 0755, ""}), {base});
  const auto layer = add(file(copying("/out", "/linked")), {add(llb::ImageSource{}), stage});
  const auto merged = add(llb::MergeOp{}, {base, layer});
  EXPECT_EQ(record(layer),
            "sha256:3ad9adf1cc4fb363ee37c341e8d503ba47c60ae295819564a0790dbd76f4bb92");
  EXPECT_EQ(record(merged),
            "sha256:5dbfbafede47210a7bd7363461bc885ec7310febe761daffdf666bfdae5970ff");
  const auto unmerged = unmerged_buildkit_op(graph, merged);
  ASSERT_TRUE(unmerged);
  EXPECT_EQ(unmerged->record,
            "sha256:fe45c64e81b730d83e15e3474f84dad225925bdeaf1a4c78060de774f4e42636");
  ASSERT_EQ(unmerged->inputs.size(), 2u);
  EXPECT_EQ(unmerged->inputs[0].vertex, base);
  EXPECT_EQ(unmerged->inputs[1].vertex, stage);
}

TEST_F(BuildkitOpTest, InlineFile) {
  llb::InlineFileAction action;
  action.name = "EOT";
  action.content = "hello\n";
  action.destination = "/here";
  const auto vertex = add(file(action), {base});
  EXPECT_EQ(record(vertex),
            "sha256:64e9b77e5281651128d26a8b07e9fd92a6ae6f7a04ad2afa249202a07228a50d");
  const auto op = buildkit_op(graph, vertex, kHost);
  ASSERT_EQ(op->inputs.size(), 2u);
  EXPECT_EQ(op->inputs[1].root,
            "sha256:df943c2ed9c279959d0a23ffccbdfd4a4eb1a2caee9254f845076e166e3a7770");
}

TEST_F(BuildkitOpTest, WhatCannotBeToldHasNoName) {
  EXPECT_EQ(record(context), "none");
  EXPECT_EQ(record(base), "none");
  llb::ExecOp device = exec({"x"}, {}, "/");
  device.devices = {"vendor.com/a=b"};
  EXPECT_EQ(record(add(device, {base})), "none");
  llb::FileOp dated = file(copying("/a.txt", "/app/"));
  dated.mtime = 1;
  EXPECT_EQ(record(add(dated, {base, context})), "none");
  llb::CopyAction odd = copying("/a.txt", "/app/");
  odd.chown = "+5";
  EXPECT_EQ(record(add(file(odd), {base, context})), "none");
  const auto http = add(llb::HttpSource{.url = "http://h/f", .name = "f"});
  EXPECT_EQ(record(add(file(copying("/f", "/app/")), {base, http})), "none");
}

TEST_F(BuildkitOpTest, ChecksumsOfFilesAndDirectories) {
  fs::permissions(context_path(), fs::perms{0755});
  write_with_mode("a.txt", "hi\n", 0644);
  write_with_mode("d/one", "one\n", 0644);
  write_with_mode("d/s/two", "two\n", 0644);
  for (const char* name : {"d", "d/s"}) fs::permissions(at(name), fs::perms{0755});
  EXPECT_EQ(of_context({{"/a.txt", false, true, {}, {}}}),
            "sha256:f2b80a3038eeef7649364c2d92ff6cf83c5fe95a450f76224b701005e80ce345");
  EXPECT_EQ(of_context({{"/d", false, true, {}, {}}}),
            "sha256:b650c8f3146610315699207eb1785f4df11c88230b48b4e57fb5a05c7aa952ef");
  fs::permissions(at("d/s/two"), fs::perms{0600});
  EXPECT_NE(of_context({{"/d", false, true, {}, {}}}),
            "sha256:b650c8f3146610315699207eb1785f4df11c88230b48b4e57fb5a05c7aa952ef");
  EXPECT_EQ(of_context({{"/absent", false, true, {}, {}}}), "none");
}

TEST_F(BuildkitOpTest, ChecksumsOfPatternsAndLinks) {
  write_with_mode("package.json", "{}\n", 0644);
  write_with_mode("package-lock.json", "{\"a\":1}\n", 0644);
  write_with_mode("src/one", "one\n", 04755);
  write_with_mode("src/lib/two", "two\n", 0644);
  fs::create_symlink("lib/two", at("src/link"));
  for (const char* name : {"src", "src/lib"}) fs::permissions(at(name), fs::perms{0755});
  EXPECT_EQ(of_context({{"/package*.json", true, true, {}, {}}}),
            "sha256:d71c6779ac3b680d073375a7b3101dc90f577cad2667f2e9c70e9aee7d455429");
  EXPECT_EQ(of_context({{"/src", false, true, {}, {}}}),
            "sha256:20870566af0b5e62ef418c9d182727a996680476d76363373c6116b308e7ff49");
}

// --- records

using Choices = std::vector<BuildkitRecords::Choices>;

BuildkitRecords::ListedLayer layer(char digit, std::int64_t parent) {
  BuildkitLayer out;
  out.diff_id = oci::DiffId::parse("sha256:" + std::string(64, digit)).value();
  return {out, parent};
}

BuildkitRecords parsed(const std::string& text,
                       std::vector<BuildkitRecords::ListedLayer> layers = {}) {
  BuildkitRecords out;
  const auto added = out.add(nlohmann::json::parse(text), layers);
  EXPECT_TRUE(added.ok()) << (added.ok() ? "" : added.error().message());
  return out;
}

TEST(BuildkitRecordsTest, ARecordStandsOnEachOfItsInputs) {
  const auto records = parsed(R"([{"digest":"a"},{"digest":"b"},
      {"digest":"c","inputs":[[{"link":0,"selector":"s"},{"link":1}],[{"link":1}]]}])");
  EXPECT_THAT(records.find("a", {}), ElementsAre(0));
  EXPECT_THAT(records.find("c", Choices{{{0, "s"}}, {{1, ""}}}), ElementsAre(2));
  EXPECT_THAT(records.find("c", Choices{{{1, ""}}, {{0, ""}, {1, ""}}}), ElementsAre(2));
  EXPECT_THAT(records.find("c", Choices{{{0, "t"}}, {{1, ""}}}), IsEmpty());
  EXPECT_THAT(records.find("c", Choices{{{0, "s"}}, {}}), IsEmpty());
  EXPECT_THAT(records.find("c", Choices{{{0, "s"}}}), IsEmpty());
  EXPECT_THAT(records.find("c", {}), IsEmpty());
  EXPECT_THAT(records.find("a", Choices{{{1, ""}}}), IsEmpty());
}

TEST(BuildkitRecordsTest, OutcomesAreWholeStacksAndTheNewestCounts) {
  const std::string text = R"([
      {"digest":"a","layers":[{"layer":1,"createdAt":"2026-01-02T00:00:00Z"}]},
      {"digest":"a","chains":[{"layers":[2,0],"createdAt":"2026-01-03T00:00:00Z"}]},
      {"digest":"b","layers":[{"layer":3,"createdAt":"2026-01-02T00:00:00Z"}]}])";
  auto layers = std::vector{layer('0', -1), layer('1', 0), layer('2', -1), layer('3', 1)};
  const auto ids = [](const BuildkitRecords::Outcome* outcome) {
    std::string out;
    for (const auto& each : outcome->layers) out += each.diff_id.hex()[0];
    return out;
  };
  const auto records = parsed(text, layers);
  EXPECT_EQ(ids(records.outcome({0})), "01");
  EXPECT_EQ(ids(records.outcome({0, 1})), "20");
  EXPECT_EQ(ids(records.outcome({2})), "013");
  layers[0].layer.reset();
  EXPECT_EQ(parsed(text, layers).outcome({0, 1, 2}), nullptr);
}

TEST(BuildkitRecordsTest, WhatIsNoListIsCorrupt) {
  auto looping = std::vector{layer('0', 1), layer('1', 0)};
  for (const char* text :
       {"{}", "[1]", R"([{"digest":1}])", R"([{"digest":"a","inputs":[[]]}])",
        R"([{"digest":"a","inputs":[[{"link":1}]]}])",
        R"([{"digest":"a","inputs":[[{"link":-1}]]}])",
        R"([{"digest":"a","layers":[{"layer":2}]}])", R"([{"digest":"a","layers":[{"layer":0}]}])",
        R"([{"digest":"a","layers":[0]}])", R"([{"digest":"a","chains":[{"layers":[7]}]}])"}) {
    BuildkitRecords records;
    const auto added = records.add(nlohmann::json::parse(text), looping);
    ASSERT_FALSE(added.ok()) << text;
    EXPECT_EQ(added.error().kind(), ErrorKind::corrupt) << text;
    EXPECT_TRUE(records.empty());
  }
}

}  // namespace
}  // namespace kiln::cache
