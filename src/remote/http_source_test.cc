// SPDX-License-Identifier: Apache-2.0
#include "remote/http_source.h"

#include <gmock/gmock.h>

#include <map>

#include "os/file_io.h"
#include "os/test_temp_dir.h"
#include "remote/archive_tree.h"

namespace kiln::remote {
namespace {

using os::test::must;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A server in memory.
class FakeServer final : public net::HttpTransport {
 public:
  struct Page {
    int status = 200;
    std::string body, etag, modified;
  };
  Result<net::HttpResponse> perform(const net::HttpRequest& request) override {
    asked.push_back(request.method + " " + request.url);
    const std::string* authorization = net::find_header(request.headers, "authorization");
    authorizations.push_back(authorization == nullptr ? "" : *authorization);
    net::HttpResponse out;
    out.url = request.url;
    const auto found = pages.find(request.url);
    if (found == pages.end()) {
      out.status = 404;
      return out;
    }
    const Page& page = found->second;
    out.status = page.status;
    if (!page.etag.empty()) out.headers.push_back({"etag", page.etag});
    if (!page.modified.empty()) out.headers.push_back({"last-modified", page.modified});
    const std::string* condition = net::find_header(request.headers, "if-none-match");
    if (honours_conditions && condition != nullptr && *condition == page.etag) {
      out.status = 304;
    } else if (request.method == "GET" && out.success()) {
      TRY(request.sink->write(std::as_bytes(std::span(page.body))));
    }
    return out;
  }
  std::map<std::string, Page> pages;
  std::vector<std::string> asked, authorizations;
  bool honours_conditions = true;
};

class HttpSource : public ::testing::Test {
 protected:
  FetchedFile fetch(const std::string& url, std::optional<oci::Digest> checksum = {}) {
    return must(fetch_file(access(), {url, "f", std::move(checksum)}));
  }
  Error failure(const std::string& url, std::optional<oci::Digest> checksum = {}) {
    auto file = fetch_file(access(), {url, "f", std::move(checksum)});
    EXPECT_FALSE(file.ok());
    return file ? invalid_input("fetched") : std::move(file).error();
  }
  Access access() { return {store_, server_, secrets_, {}}; }
  static std::string content(const FetchedFile& file) {
    return must(os::read_file(file.tree.path() + "/" + file.name));
  }

  os::test::TempDir top_;
  store::Store store_ = must(store::Store::open(top_.path()));
  FakeServer server_;
  SecretLookup secrets_;
};

TEST_F(HttpSource, FileHasModeAndTime) {
  server_.pages["http://h/a"] = {200, "text", "", "Sun, 06 Nov 1994 08:49:37 GMT"};
  const FetchedFile file = fetch("http://h/a");
  EXPECT_EQ(content(file), "text");
  EXPECT_EQ(file.digest, oci::Digest::of("text"));
  const os::FileInfo info = must(must(os::Dir::open(file.tree.path())).stat("f"));
  EXPECT_EQ(info.permissions, 0600u);
  EXPECT_EQ(info.mtime, 784111777);
}

TEST_F(HttpSource, WithoutADateItIsOfTheBeginning) {
  server_.pages["http://h/a"] = {200, "text", "", ""};
  EXPECT_EQ(must(must(os::Dir::open(fetch("http://h/a").tree.path())).stat("f")).mtime, 0);
  fetch("http://h/a");
  EXPECT_THAT(server_.asked, ElementsAre("GET http://h/a", "GET http://h/a"));
}

TEST_F(HttpSource, UnchangedIsNotFetchedAgain) {
  server_.pages["http://h/a"] = {200, "one", "\"1\"", ""};
  fetch("http://h/a");
  EXPECT_EQ(content(fetch("http://h/a")), "one");
  server_.pages["http://h/a"] = {200, "two", "\"2\"", ""};
  EXPECT_EQ(content(fetch("http://h/a")), "two");
  EXPECT_THAT(server_.asked, ElementsAre("GET http://h/a", "HEAD http://h/a", "HEAD http://h/a",
                                         "GET http://h/a"));
}

TEST_F(HttpSource, AServerThatIgnoresConditionsIsComparedWith) {
  server_.honours_conditions = false;
  server_.pages["http://h/a"] = {200, "one", "W/\"1\"", ""};
  fetch("http://h/a");
  fetch("http://h/a");
  EXPECT_THAT(server_.asked, ElementsAre("GET http://h/a", "HEAD http://h/a"));
}

TEST_F(HttpSource, ChecksumDecides) {
  server_.pages["http://h/a"] = {200, "one", "\"1\"", ""};
  const Error error = failure("http://h/a", oci::Digest::of("two"));
  EXPECT_EQ(error.kind(), ErrorKind::corrupt);
  EXPECT_THAT(error.message(), HasSubstr("digest mismatch"));
  fetch("http://h/a", oci::Digest::of("one"));
  server_.asked.clear();
  fetch("http://h/a", oci::Digest::of("one"));
  EXPECT_THAT(server_.asked, ElementsAre()) << "what is kept has it";
}

TEST_F(HttpSource, RefusalsAreErrors) {
  EXPECT_EQ(failure("http://h/none").kind(), ErrorKind::not_found);
  server_.pages["http://h/a"] = {500, "", "", ""};
  EXPECT_THAT(failure("http://h/a").message(), HasSubstr("invalid response status 500"));
  for (const char* url : {"", "h/a", "ftp://h/a", "http:///a", "http://h/%zz"})
    EXPECT_EQ(failure(url).kind(), ErrorKind::invalid_input) << url;
}

TEST_F(HttpSource, CredentialsGoIntoAHeader) {
  server_.pages["http://h/a"] = {200, "text", "", ""};
  fetch("http://user:se%40cret@h/a");
  EXPECT_EQ(server_.asked.back(), "GET http://h/a");
  EXPECT_EQ(server_.authorizations.back(), "Basic dXNlcjpzZUBjcmV0");
  EXPECT_EQ(failure("http://user:secret@h/none").message().find("secret"), std::string::npos);
}

TEST_F(HttpSource, SecretsOfTheHost) {
  server_.pages["http://h:1/a"] = {200, "text", "", ""};
  std::map<std::string, std::string> values = {{"HTTP_AUTH_HEADER_h", "Custom x\n"}};
  secrets_ = [&](const std::string& id) -> Result<std::optional<std::string>> {
    const auto found = values.find(id);
    if (found == values.end()) return std::optional<std::string>();
    return std::optional(found->second);
  };
  fetch("http://h:1/a");
  EXPECT_EQ(server_.authorizations.back(), "Custom x");
  values = {{"HTTP_AUTH_TOKEN_h", "t"}};
  fetch("http://u:p@h:1/a");
  EXPECT_EQ(server_.authorizations.back(), "Bearer t");
  values = {{"HTTP_AUTH_TOKEN_other", "t"}};
  fetch("http://h:1/a");
  EXPECT_EQ(server_.authorizations.back(), "");
}

TEST_F(HttpSource, AFileThatIsNoArchiveHasNoContent) {
  server_.pages["http://h/a"] = {200, "FROM busybox\n", "", ""};
  EXPECT_FALSE(must(unpack_fetched(access(), fetch("http://h/a"))));
  server_.pages["http://h/a"] = {200, "\x1f\x8b\x08 broken", "", ""};
  EXPECT_FALSE(unpack_fetched(access(), fetch("http://h/a")).ok());
}

}  // namespace
}  // namespace kiln::remote
