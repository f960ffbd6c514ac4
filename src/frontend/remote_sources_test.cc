// SPDX-License-Identifier: Apache-2.0
#include "frontend/remote_sources.h"

#include <gmock/gmock.h>

#include "frontend/frontend_test_kit.h"

namespace kiln::frontend {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class RemoteSources : public testing::PlanTest {
 protected:
  /// The copies of the one file step.
  std::vector<llb::CopyAction> copies(const BuildPlan& plan) {
    std::vector<llb::CopyAction> out;
    for (const auto& op : ops<llb::FileOp>(plan)) {
      for (const auto& action : op.actions) {
        if (const auto* copy = std::get_if<llb::CopyAction>(&action)) out.push_back(*copy);
      }
    }
    return out;
  }
};

TEST_F(RemoteSources, AddOfAnAddressIsASourceAndACopy) {
  const BuildPlan made = plan("FROM base\nADD http://h/a/b.txt?x=1#y /d/\n");
  const auto sources = ops<llb::HttpSource>(made);
  ASSERT_THAT(sources, SizeIs(1));
  EXPECT_EQ(sources[0].url, "http://h/a/b.txt?x=1#y");
  EXPECT_EQ(sources[0].name, "b.txt");
  EXPECT_FALSE(sources[0].unpack);
  ASSERT_THAT(copies(made), SizeIs(1));
  EXPECT_EQ(copies(made)[0].pattern, "/b.txt");
  EXPECT_FALSE(copies(made)[0].unpack);
}

TEST_F(RemoteSources, NamesOfFiles) {
  const auto name = [&](const std::string& url) {
    return ops<llb::HttpSource>(plan("FROM base\nADD [\"" + url + "\", \"/d/\"]\n"))[0].name;
  };
  EXPECT_EQ(name("http://h"), "__unnamed__");
  EXPECT_EQ(name("http://h/"), "__unnamed__");
  EXPECT_EQ(name("http://h/a/"), "a");
  EXPECT_EQ(name("http://h/a%2Fb"), "b");
  EXPECT_EQ(name("http://h/.."), "__unnamed__");
  EXPECT_EQ(name("http://h/a*b"), "a*b");
}

TEST_F(RemoteSources, SourcesOfOneInstructionKeepTheirInputs) {
  const BuildPlan made = plan("FROM base\nADD http://h/a x https://h/r.git#v1:sub y z /d/\n");
  const auto all = copies(made);
  ASSERT_THAT(all, SizeIs(5));
  EXPECT_EQ(all[0].source, 1u);
  EXPECT_EQ(all[1].source, 2u);
  EXPECT_EQ(all[2].source, 3u);
  EXPECT_EQ(all[3].source, 2u) << "the context once";
  EXPECT_TRUE(all[1].unpack);
  const auto git = ops<llb::GitSource>(made);
  ASSERT_THAT(git, SizeIs(1));
  EXPECT_EQ(git[0].ref, "v1");
  EXPECT_EQ(git[0].subdir, "sub");
  EXPECT_TRUE(git[0].submodules);
}

TEST_F(RemoteSources, GitFlagsAndQuery) {
  const auto git = [&](const std::string& words) {
    return ops<llb::GitSource>(plan("FROM base\nADD " + words + " /d/\n")).at(0);
  };
  EXPECT_TRUE(git("--keep-git-dir https://h/r.git").keep_git_dir);
  EXPECT_TRUE(git("https://h/r.git?keep-git-dir").keep_git_dir);
  EXPECT_FALSE(git("https://h/r.git?submodules=0").submodules);
  EXPECT_EQ(git("--checksum=abc git@h:r").checksum, "abc");
  EXPECT_EQ(git("https://h/r.git?checksum=abc").checksum, "abc");
  EXPECT_TRUE(git("https://h/r.git?mtime=commit").commit_mtime);
}

TEST_F(RemoteSources, WhatIsRefused) {
  for (const auto& [line, message] : std::vector<std::pair<std::string, std::string>>{
           {"COPY http://h/a /", "source can't be a URL for COPY"},
           {"COPY https://h/r.git /", "source can't be a git ref for COPY"},
           {"COPY git@h:r /", "source can't be a git ref for COPY"},
           {"ADD --checksum=sha256:00 http://h/a /", "invalid checksum digest length"},
           {"ADD --checksum=md5:00 http://h/a /", "unsupported digest algorithm"},
           {"ADD --checksum=00 http://h/a /", "invalid checksum digest format"},
           {"ADD --checksum=00 a /", "checksum requires HTTP(S) or Git sources"},
           {"ADD --checksum=00 http://h/a http://h/b /d/", "multiple sources"},
           {"ADD --checksum=00 https://h/r.git?commit=11 /", "checksum mismatch"},
           {"ADD --keep-git-dir=false https://h/r.git?keep-git-dir=1 /",
            "inconsistent keep-git-dir configuration"},
           {"ADD https://h/r.git?x=1 /", "unexpected query \"x\""}}) {
    const Error error = failure("FROM base\n" + line + "\n");
    EXPECT_THAT(error.message(), HasSubstr(message)) << line;
    EXPECT_THAT(error.message(), HasSubstr("Dockerfile:2")) << line;
  }
}

TEST_F(RemoteSources, FileAddressesArePathsInADockerfile) {
  const BuildPlan made = plan("FROM base\nADD file:///r.git github.com/o/r /d/\n");
  EXPECT_THAT(ops<llb::GitSource>(made), SizeIs(0));
  EXPECT_EQ(copies(made)[0].pattern, "/file:/r.git");
}

TEST_F(RemoteSources, CredentialsAreNotShown) {
  const BuildPlan made = plan("FROM base\nADD http://u:pw@h/a /d/\n");
  EXPECT_EQ(ops<llb::HttpSource>(made)[0].url, "http://u:pw@h/a");
  EXPECT_THAT(history(made), ElementsAre("ADD http://xxxxx:xxxxx@h/a /d/ # buildkit"));
  for (const llb::VertexId id : made.graph.needed_by(made.result)) {
    const llb::Origin& origin = made.graph.vertex(id).origin;
    for (const std::string& text : {origin.name, origin.instruction, origin.excerpt})
      EXPECT_EQ(text.find("pw"), std::string::npos) << text;
  }
}

TEST_F(RemoteSources, NamedContextsComeBeforeStagesAndImages) {
  options.contexts["app"] = llb::LocalSource{"context:app", {"ignored"}};
  options.contexts["tools"] = AddressContext{"https://h/r.git#v1"};
  options.contexts["old:1"] = ImageContext{"base"};
  const BuildPlan made = plan(
      "FROM nowhere AS app\nRUN false\nFROM old:1\nCOPY --from=app / /a/\n"
      "COPY --from=docker.io/library/tools:latest / /t/\nCOPY --from=0 x /\n");
  EXPECT_THAT(images.asked, ElementsAre("base"));
  EXPECT_THAT(ops<llb::ExecOp>(made), SizeIs(0));
  ASSERT_THAT(ops<llb::LocalSource>(made), SizeIs(1));
  EXPECT_THAT(ops<llb::LocalSource>(made)[0].ignore, ElementsAre("ignored"));
  ASSERT_THAT(ops<llb::GitSource>(made), SizeIs(1));
  EXPECT_EQ(ops<llb::GitSource>(made)[0].ref, "v1");
}

TEST_F(RemoteSources, FilesAsABaseAreALayer) {
  options.contexts["app"] = llb::LocalSource{"context:app", {}};
  const BuildPlan made = plan("FROM app\nLABEL a=b\n");
  EXPECT_THAT(history(made), ElementsAre("local source for app", "LABEL a=b"));
  EXPECT_TRUE(made.history[0].layer);
  EXPECT_EQ(made.config.config.working_dir, "/");
  EXPECT_TRUE(made.config.diff_ids.empty());
}

TEST_F(RemoteSources, AWrongQueryOfANamedContextCountsWhereItIsUsed) {
  options.contexts["app"] = AddressContext{"https://h/r.git?x=1"};
  EXPECT_THAT(failure("FROM base\nCOPY --from=app / /\n").message(), HasSubstr("unexpected query"));
  EXPECT_THAT(failure("FROM app\n").message(), HasSubstr("Dockerfile:1"));
  plan("FROM base\n");
}

TEST(ContextNames, AreFamiliarOnes) {
  EXPECT_EQ(*context_name("app"), "app");
  EXPECT_EQ(*context_name("app:latest"), "app");
  EXPECT_EQ(*context_name("docker.io/library/app:1"), "app:1");
  EXPECT_EQ(*context_name("example.com/app"), "example.com/app");
  EXPECT_FALSE(context_name("App").ok());
  EXPECT_FALSE(context_name("").ok());
}

}  // namespace
}  // namespace kiln::frontend
