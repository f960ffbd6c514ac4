// SPDX-License-Identifier: Apache-2.0
#include "cli/build_context.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <memory>

#include "os/test_temp_dir.h"

namespace kiln::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// No server answers here.
class NoNetwork final : public net::HttpTransport {
 public:
  Result<net::HttpResponse> perform(const net::HttpRequest& request) override {
    asked.push_back(request.url);
    return not_found("no network");
  }
  std::vector<std::string> asked;
};

class BuildContexts : public ::testing::Test {
 protected:
  BuildContexts() {
    fs::create_directory(folder);
    auto opened = store::Store::open(top_.path("store"));
    EXPECT_TRUE(opened.ok());
    store = std::make_unique<store::Store>(*std::move(opened));
  }
  void write(const std::string& name, const std::string& text) const {
    fs::create_directories(fs::path(folder + "/" + name).parent_path());
    std::ofstream(folder + "/" + name) << text;
  }
  Result<BuildContext> context_of(const std::string& context, const std::string& file) {
    return open_build_context({*store, network, {}, {}}, context, file, GitDir::as_the_url_says);
  }
  Result<DockerfileInput> read(const std::string& context, const std::string& file) {
    const BuildContext opened = TRY(context_of(context, file));
    return read_dockerfile_of({*store, network, {}, {}}, opened, file);
  }
  const os::test::TempDir top_;
  const std::string folder = fs::canonical(top_.path()).string() + "/context-folder";
  std::unique_ptr<store::Store> store;
  NoNetwork network;
};

TEST_F(BuildContexts, AddressesAreFetched) {
  EXPECT_FALSE(read("https://example.org/x.tar", "").ok());
  EXPECT_THAT(network.asked, ElementsAre("https://example.org/x.tar"));
  write("Dockerfile", "FROM a\n");
  EXPECT_FALSE(read(folder, "http://user:pw@example.org/Dockerfile").ok());
  EXPECT_EQ(network.asked.back(), "http://example.org/Dockerfile") << "without the credentials";
}

TEST_F(BuildContexts, ADirectoryComesBeforeAnAddressOfThatName) {
  write("github.com/o/r/Dockerfile", "FROM a\n");
  const auto before = fs::current_path();
  fs::current_path(folder);
  const auto context = context_of("github.com/o/r", "");
  fs::current_path(before);
  ASSERT_TRUE(context.ok());
  EXPECT_EQ(context->path, folder + "/github.com/o/r");
  EXPECT_TRUE(context->is_local);
}

TEST_F(BuildContexts, LinksInAContextFromElsewhereStayInside) {
  write("outside", "secret\n");
  fs::create_directory(folder + "/context");
  fs::create_symlink("../outside", folder + "/context/Dockerfile");
  BuildContext context;
  context.path = folder + "/context";
  const remote::Access access{*store, network, {}, {}};
  EXPECT_FALSE(read_dockerfile_of(access, context, "").ok());
  context.is_local = true;
  EXPECT_TRUE(read_dockerfile_of(access, context, "").ok());
}

TEST(NamedContexts, WhatTheyAre) {
  const auto parsed = parse_named_contexts(
      {"a=docker-image://busybox", "docker.io/library/b:latest=https://h/r.git?branch=x",
       "c:1=http://h/f.tar", "d=/", "e=oci-layout:///l:t", "a=git@h:r.git#main:sub"});
  ASSERT_TRUE(parsed.ok()) << parsed.error().message();
  const auto& contexts = parsed->contexts;
  ASSERT_EQ(contexts.size(), 5u);
  using frontend::AddressContext;
  EXPECT_EQ(std::get<AddressContext>(contexts.at("a")).url, "git@h:r.git#main:sub")
      << "the last one counts";
  EXPECT_EQ(std::get<AddressContext>(contexts.at("b")).url, "https://h/r.git?branch=x");
  EXPECT_EQ(std::get<AddressContext>(contexts.at("c:1")).url, "http://h/f.tar");
  EXPECT_EQ(parsed->directories.at(std::get<llb::LocalSource>(contexts.at("d")).name), "/");
  EXPECT_EQ(std::get<frontend::ImageContext>(contexts.at("e")).reference, "oci-layout:///l:t");
}

TEST(NamedContexts, WhatTheyAreNot) {
  for (const auto& [flag, message] : std::vector<std::pair<std::string, std::string>>{
           {"a", "invalid context value: a, expected key=value"},
           {"=/", "expected key=value"},
           {"A=/", "invalid context name A"},
           {"a=/not/there", "stat /not/there: no such file or directory"}}) {
    const auto parsed = parse_named_contexts({flag});
    ASSERT_FALSE(parsed.ok()) << flag;
    EXPECT_THAT(parsed.error().message(), HasSubstr(message));
  }
}

}  // namespace
}  // namespace kiln::cli
