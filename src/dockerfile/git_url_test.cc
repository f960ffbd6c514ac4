// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/git_url.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace kiln::dockerfile {
namespace {

/// `remote|ref|subdir|checksum|flags`, or `-` for what is no git address, or the error.
/// Flags: p like a path, u unencrypted, f file, k/K keep-git-dir false/true, s/S submodules
/// false/true, m mtime=commit, c fetch-by-commit.
std::string told(std::string_view text, FileUrls files = FileUrls::no) {
  const auto parsed = parse_git_url(text, files);
  if (!parsed) return "error: " + parsed.error().message();
  if (!*parsed) return "-";
  const GitUrl& url = **parsed;
  std::string flags;
  if (url.like_a_path) flags += 'p';
  if (url.unencrypted) flags += 'u';
  if (url.is_file) flags += 'f';
  if (url.keep_git_dir) flags += *url.keep_git_dir ? 'K' : 'k';
  if (url.submodules) flags += *url.submodules ? 'S' : 's';
  if (url.commit_mtime) flags += 'm';
  if (url.fetch_by_commit) flags += 'c';
  return url.remote + "|" + url.ref + "|" + url.subdir + "|" + url.checksum + "|" + flags;
}

struct UrlRow {
  const char* text;
  const char* expected;
};

class GitUrlRow : public ::testing::TestWithParam<UrlRow> {};

TEST_P(GitUrlRow, IsReadAsBuildKitReadsIt) {
  EXPECT_EQ(told(GetParam().text), GetParam().expected) << GetParam().text;
}

// What BuildKit's reference and its own table of addresses say.
INSTANTIATE_TEST_SUITE_P(
    Forms, GitUrlRow,
    ::testing::ValuesIn(std::vector<UrlRow>{
        {"https://example.com/", "-"},
        {"https://example.com/foo", "-"},
        {"https://example.com/foo.git", "https://example.com/foo.git||||"},
        {"http://example.com/foo.git", "http://example.com/foo.git||||u"},
        {"HTTPS://example.com/foo.git", "https://example.com/foo.git||||"},
        {"https://example.com/foo.git#deadbeef", "https://example.com/foo.git|deadbeef|||"},
        {"https://example.com/foo.git#release/1.2", "https://example.com/foo.git|release/1.2|||"},
        {"https://example.com/foo.git/", "-"},
        {"https://example.com/foo.git.bar", "-"},
        {"https://example.com/foo.git:#branch", "-"},
        {"https://example.com:8443/a/b/foo.git", "https://example.com:8443/a/b/foo.git||||"},
        {"https://example.com:x/foo.git", "-"},
        {"https://exa mple.com/foo.git", "-"},
        {"https://user:pw@example.com/foo.git", "https://user:pw@example.com/foo.git||||"},
        {"https://example.com/a%20b.git", "https://example.com/a%20b.git||||"},
        {"https://example.com/foo%2Egit", "https://example.com/foo%2Egit||||"},
        {"https://example.com/foo%zz.git", "-"},
        {"https://example.com/foo.git#%zz", "-"},
        {"https://example.com/foo.git#a%2Fb", "https://example.com/foo.git|a/b|||"},
        {"https://github.com/moby/buildkit", "-"},
        {"git://example.com/foo", "git://example.com/foo||||u"},
        {"git://example.com:1234/path/to/repo.git#v1",
         "git://example.com:1234/path/to/repo.git|v1|||u"},
        {"ssh://git@example.com/foo.git", "ssh://git@example.com/foo.git||||"},
        {"ssh://git@example.com:2222/~/foo", "ssh://git@example.com:2222/~/foo||||"},
        {"github.com/moby/buildkit", "github.com/moby/buildkit||||p"},
        {"github.com/moby/buildkit#master", "github.com/moby/buildkit|master|||p"},
        {"github.com/moby/buildkit.git#:sub", "github.com/moby/buildkit.git||sub||p"},
        {"github.com/moby/buildkit?tag=v1", "github.com/moby/buildkit|refs/tags/v1|||p"},
        {"gitlab.com/moby/buildkit", "-"},
        {"custom.xyz/moby/buildkit.git", "-"},
        {"git@github.com:moby/buildkit", "git@github.com:moby/buildkit||||"},
        {"git@github.com:moby/buildkit.git", "git@github.com:moby/buildkit.git||||"},
        {"git@github.com:moby/buildkit.git#v1.0.0:hack",
         "git@github.com:moby/buildkit.git|v1.0.0|hack||"},
        {"git@github.com:moby/buildkit.git?subdir=/subdir#v1.0.0",
         "git@github.com:moby/buildkit.git|v1.0.0|/subdir||"},
        {"git@h:r#a?b", "git@h:r|a?b|||"},
        {"other_user@example.com:/srv/project.git", "other_user@example.com:/srv/project.git||||"},
        {"git@exa_mple.com:foo", "-"},
        {"@example.com:foo", "-"},
        {"-oProxyCommand@example.com:foo", "-"},
        {"git@:foo", "-"},
        {"git@example.com/foo", "-"},
        {"git@h:a\nb", "-"},
        {"httpx://github.com/moby/buildkit.git", "-"},
        {"svn+ssh://example.com/foo.git", "-"},
        {"file:///srv/foo.git", "-"},
        {"./.git", "-"},
        {"../foo.git", "-"},
        {".git", "-"},
        {"", "-"},
        {"/srv/foo.git", "-"},
        {"-", "-"},
        {"https://example.com/foo.git#main:a/b", "https://example.com/foo.git|main|a/b||"},
        {"https://example.com/foo.git#:a", "https://example.com/foo.git||a||"},
        {"https://example.com/foo.git#main:", "https://example.com/foo.git|main|||"},
        {"https://example.com/foo.git#main:/a/../b//c/", "https://example.com/foo.git|main|b/c||"},
        {"https://example.com/foo.git#main:../../etc", "https://example.com/foo.git|main|etc||"},
        {"https://example.com/foo.git#a:b:c", "https://example.com/foo.git|a|b:c||"},
        {"https://example.com/foo.git#", "https://example.com/foo.git||||"},
    }));

INSTANTIATE_TEST_SUITE_P(
    Queries, GitUrlRow,
    ::testing::ValuesIn(std::vector<UrlRow>{
        {"https://h/r.git?ref=v1&subdir=/s", "https://h/r.git|v1|/s||"},
        {"https://h/r.git?subdir=/s#v1", "https://h/r.git|v1|/s||"},
        {"https://h/r.git?ref=v1#v1", "https://h/r.git|v1|||"},
        {"https://h/r.git?ref=v1#v2", "error: ref conflicts: \"v2\" vs \"v1\""},
        {"https://h/r.git?tag=v1", "https://h/r.git|refs/tags/v1|||"},
        {"https://h/r.git?tag=refs/tags/v1", "https://h/r.git|refs/tags/v1|||"},
        {"https://h/r.git?branch=b", "https://h/r.git|refs/heads/b|||"},
        {"https://h/r.git?branch=refs/heads/b", "https://h/r.git|refs/heads/b|||"},
        {"https://h/r.git?ref=v1&tag=v2", "error: ref conflicts: \"v1\" vs \"refs/tags/v2\""},
        {"https://h/r.git?ref=refs/tags/v2&tag=v2", "https://h/r.git|refs/tags/v2|||"},
        {"https://h/r.git?branch=b#c", "error: ref conflicts: \"c\" vs \"refs/heads/b\""},
        {"https://h/r.git?tag=a&branch=b", "error: branch conflicts with tag"},
        {"https://h/r.git?subdir=a#:b", "error: subdir conflicts: \"b\" vs \"a\""},
        {"https://h/r.git?subdir=b#:b", "https://h/r.git||b||"},
        {"https://h/r.git?checksum=abc1", "https://h/r.git|||abc1|"},
        {"https://h/r.git?commit=abc1", "https://h/r.git|||abc1|"},
        {"https://h/r.git?keep-git-dir=true", "https://h/r.git||||K"},
        {"https://h/r.git?keep-git-dir", "https://h/r.git||||K"},
        {"https://h/r.git?keep-git-dir=0", "https://h/r.git||||k"},
        {"https://h/r.git?keep-git-dir=yes", "error: invalid keep-git-dir value: \"yes\""},
        {"https://h/r.git?submodules=false", "https://h/r.git||||s"},
        {"https://h/r.git?submodules=", "https://h/r.git||||S"},
        {"https://h/r.git?submodules=maybe", "error: invalid submodules value: \"maybe\""},
        {"https://h/r.git?mtime=commit", "https://h/r.git||||m"},
        {"https://h/r.git?mtime=checkout", "https://h/r.git||||"},
        {"https://h/r.git?mtime=x",
         "error: invalid mtime value: \"x\" (must be \"checkout\" or \"commit\")"},
        {"https://h/r.git?fetch-by-commit=true&checksum=dead#refs/heads/b",
         "https://h/r.git|refs/heads/b||dead|c"},
        {"https://h/r.git?fetch-by-commit&checksum=dead", "https://h/r.git|||dead|c"},
        {"https://h/r.git?fetch-by-commit=no", "error: invalid fetch-by-commit value: \"no\""},
        {"https://h/r.git?ref", "error: query \"ref\" has no value"},
        {"https://h/r.git?ref=a&ref=a", "error: query \"ref\" has multiple values"},
        {"https://h/r.git?foo=1", "error: unexpected query \"foo\""},
        {"https://h/r.git?ref=a%2Fb", "https://h/r.git|a/b|||"},
        {"https://h/r.git?ref=%", "-"},
        {"git@h:r.git?foo=1", "error: unexpected query \"foo\""},
        {"github.com/o/r?foo=1", "error: unexpected query \"foo\""},
        {"https://h/r?foo=1", "-"},
        {"git@h:r.git?tag=v1&keep-git-dir=1", "git@h:r.git|refs/tags/v1|||K"},
    }));

TEST(GitUrl, FilesAreTheCommandLinesAlone) {
  EXPECT_EQ(told("file:///srv/foo.git#main:sub", FileUrls::yes), "file:///srv/foo.git|main|sub||f");
  EXPECT_EQ(told("file:///srv/foo?branch=b", FileUrls::yes), "file:///srv/foo|refs/heads/b|||f");
  EXPECT_EQ(told("file://host/srv/foo", FileUrls::yes), "-");
  EXPECT_EQ(told("file:///", FileUrls::yes), "-");
}

}  // namespace
}  // namespace kiln::dockerfile
