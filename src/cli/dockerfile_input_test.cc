// SPDX-License-Identifier: Apache-2.0
#include "cli/dockerfile_input.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

#include "os/test_temp_dir.h"

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class DockerfileInput : public ::testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(folder + "/" + name).parent_path());
    std::ofstream(folder + "/" + name) << text;
  }
  kiln::cli::DockerfileInput read(const std::string& file = "") const {
    auto input = read_dockerfile(folder, file);
    EXPECT_TRUE(input.ok()) << (input.ok() ? "" : input.error().message());
    return input.ok() ? *std::move(input) : kiln::cli::DockerfileInput{};
  }
  const os::test::TempDir top_;
  const std::string folder = fs::canonical(top_.path()).string();
};

TEST_F(DockerfileInput, IsTheContextsDockerfile) {
  write("Dockerfile", "FROM a\n");
  write("dockerfile", "FROM b\n");
  const auto input = read();
  EXPECT_EQ(input.name, "Dockerfile");
  EXPECT_EQ(input.text, "FROM a\n");
  EXPECT_EQ(input.context_path, folder);
  EXPECT_THAT(input.ignore, IsEmpty());
}

TEST_F(DockerfileInput, LowerCaseNameWillDo) {
  write("dockerfile", "FROM b\n");
  EXPECT_EQ(read().text, "FROM b\n");
}

TEST_F(DockerfileInput, FileMayBeAnywhere) {
  write("context/x", "");
  write("other/my.Dockerfile", "FROM c\n");
  auto input = read_dockerfile(folder + "/context", folder + "/other/my.Dockerfile");
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->name, "my.Dockerfile");
  EXPECT_EQ(input->text, "FROM c\n");
  EXPECT_EQ(input->context_path, folder + "/context");
}

TEST_F(DockerfileInput, ContextPathHasNoSymlinks) {
  write("real/Dockerfile", "FROM a\n");
  fs::create_directory_symlink("real", folder + "/link");
  auto input = read_dockerfile(folder + "/link/.", "");
  ASSERT_TRUE(input.ok());
  EXPECT_EQ(input->context_path, folder + "/real");
}

TEST_F(DockerfileInput, IgnoreFileIsTheContextsOwn) {
  write("Dockerfile", "FROM a\n");
  write(".dockerignore", "# c\n*.o\n\n!keep.o\n");
  EXPECT_THAT(read().ignore, ElementsAre("*.o", "!keep.o"));
}

TEST_F(DockerfileInput, IgnoreFileBesideTheDockerfileReplacesTheContexts) {
  write("build/app.Dockerfile", "FROM a\n");
  write("build/app.Dockerfile.dockerignore", "beside\n");
  write("build/.dockerignore", "not this one\n");
  write(".dockerignore", "own\n");
  EXPECT_THAT(read(folder + "/build/app.Dockerfile").ignore, ElementsAre("beside"));
  fs::remove(folder + "/build/app.Dockerfile.dockerignore");
  EXPECT_THAT(read(folder + "/build/app.Dockerfile").ignore, ElementsAre("own"));
}

TEST_F(DockerfileInput, EmptyIgnoreFileBesideTheDockerfileReplacesTheContextsToo) {
  write("Dockerfile", "FROM a\n");
  write("Dockerfile.dockerignore", "");
  write(".dockerignore", "own\n");
  EXPECT_THAT(read().ignore, IsEmpty());
}

TEST_F(DockerfileInput, MissingDockerfileIsNotFoundInDockersWords) {
  const auto input = read_dockerfile(folder, "");
  ASSERT_FALSE(input.ok());
  EXPECT_EQ(input.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(input.error().message(),
              HasSubstr("failed to read dockerfile: open Dockerfile: no such file or directory"));
  EXPECT_THAT(read_dockerfile(folder, folder + "/x.df").error().message(), HasSubstr("open x.df"));
}

TEST_F(DockerfileInput, ContextThatIsNoneIsNamed) {
  const auto missing = read_dockerfile(folder + "/none", "");
  ASSERT_FALSE(missing.ok());
  EXPECT_EQ(missing.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(missing.error().message(), HasSubstr(folder + "/none"));
  write("file", "");
  const auto file = read_dockerfile(folder + "/file", "");
  ASSERT_FALSE(file.ok());
  EXPECT_THAT(file.error().message(), HasSubstr("file"));
}

TEST_F(DockerfileInput, DockerfileThatIsADirectoryIsAnError) {
  fs::create_directory(folder + "/Dockerfile");
  EXPECT_FALSE(read_dockerfile(folder, "").ok());
}

TEST_F(DockerfileInput, RemoteContextsAreRefused) {
  for (const char* context : {"https://example.org/x.git", "git@example.org:x", "-"}) {
    const auto input = read_dockerfile(context, "");
    ASSERT_FALSE(input.ok()) << context;
    EXPECT_EQ(input.error().kind(), ErrorKind::unsupported) << context;
  }
}

}  // namespace
}  // namespace kiln::cli
