// SPDX-License-Identifier: Apache-2.0
#include "frontend/remote_sources.h"

#include <fmt/format.h>

#include "base/check.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/url.h"
#include "dockerfile/glob.h"
#include "oci/reference.h"

namespace kiln::frontend {
namespace {

namespace df = dockerfile;

bool is_http(const std::string& source) {
  return source.starts_with("http://") || source.starts_with("https://");
}

/// The last component of the URL's path names the file.
std::string file_name(const std::string& url) {
  const auto parsed = parse_url(url);
  std::string path = parsed ? parsed->path : std::string();
  while (path.ends_with('/')) path.pop_back();
  std::string name(base_name(path));
  const bool usable =
      !name.empty() && name != "." && name != ".." && name.find('\0') == std::string::npos;
  return usable ? name : "__unnamed__";
}

Result<oci::Digest> parse_checksum(const std::string& text) {
  const auto [algorithm, hex] = split_once(text, ':');
  if (!hex) return invalid_input("invalid checksum digest format");
  if (algorithm != "sha256") return invalid_input("unsupported digest algorithm");
  if (hex->size() != 64) return invalid_input("invalid checksum digest length");
  auto digest = oci::Digest::parse(text);
  if (!digest) return invalid_input("invalid checksum digest format");
  return digest;
}

Result<RemoteSource> git_addition(const df::GitUrl& url, const RemoteFlags& flags) {
  llb::GitSource git = git_source(url);
  if (flags.keep_git_dir && url.keep_git_dir && *flags.keep_git_dir != *url.keep_git_dir)
    return invalid_input("inconsistent keep-git-dir configuration");
  if (flags.keep_git_dir) git.keep_git_dir = *flags.keep_git_dir;
  if (!flags.checksum.empty() && !url.checksum.empty() && flags.checksum != url.checksum)
    return invalid_input(
        fmt::format("checksum mismatch \"{}\" != \"{}\"", flags.checksum, url.checksum));
  if (!flags.checksum.empty()) git.checksum = flags.checksum;
  return RemoteSource{std::move(git), "/", false};
}

}  // namespace

Result<std::string> context_name(const std::string& text) {
  auto reference = oci::Reference::parse(text);
  if (!reference) return std::move(reference).error().context("invalid context name " + text);
  std::string name = reference->familiar();
  constexpr std::string_view kLatest = ":latest";
  if (name.ends_with(kLatest)) name.resize(name.size() - kLatest.size());
  return name;
}

const NamedContext* find_context(const NamedContexts& contexts, const std::string& name) {
  if (contexts.empty()) return nullptr;
  const auto key = context_name(name);
  if (!key) return nullptr;
  const auto found = contexts.find(*key);
  return found == contexts.end() ? nullptr : &found->second;
}

Result<llb::Op> context_op(const NamedContext& context) {
  if (const auto* local = std::get_if<llb::LocalSource>(&context)) return llb::Op(*local);
  CHECK(std::holds_alternative<AddressContext>(context));
  const std::string& url = std::get<AddressContext>(context).url;
  const auto git = TRY(df::parse_git_url(url, df::FileUrls::yes));
  if (git) return llb::Op(git_source(*git));
  return llb::Op(llb::HttpSource{url, "context", {}, true});
}

std::string describe(const llb::Op& source, const std::string& name) {
  if (const auto* git = std::get_if<llb::GitSource>(&source))
    return "git snapshot for " + redact_credentials(git->remote) + "#" + git->ref;
  if (const auto* http = std::get_if<llb::HttpSource>(&source))
    return "http url " + redact_credentials(http->url);
  return "local source for " + name;
}

llb::GitSource git_source(const df::GitUrl& url) {
  llb::GitSource out;
  out.remote = (url.like_a_path ? "https://" : "") + url.remote;
  out.ref = url.ref;
  out.checksum = url.checksum;
  out.subdir = url.subdir;
  out.keep_git_dir = url.keep_git_dir.value_or(false);
  out.submodules = url.submodules.value_or(true);
  out.commit_mtime = url.commit_mtime;
  out.fetch_by_commit = url.fetch_by_commit;
  return out;
}

Result<std::optional<RemoteSource>> remote_source(const std::string& source,
                                                  const RemoteFlags& flags) {
  const auto git = TRY(df::parse_git_url(source, df::FileUrls::no));
  const bool is_git = git && !git->like_a_path;
  if (!flags.checksum.empty()) {
    if (flags.sources != 1)
      return invalid_input("checksum can't be specified for multiple sources");
    if (!is_git && !is_http(source))
      return invalid_input("checksum requires HTTP(S) or Git sources");
  }
  if (is_git) {
    if (!flags.is_add) return invalid_input("source can't be a git ref for COPY");
    auto out = TRY(git_addition(*git, flags));
    return std::optional(std::move(out));
  }
  if (!is_http(source)) return std::optional<RemoteSource>();
  if (!flags.is_add) return invalid_input("source can't be a URL for COPY");
  llb::HttpSource http;
  http.url = source;
  http.name = file_name(source);
  if (!flags.checksum.empty()) http.checksum = TRY(parse_checksum(flags.checksum));
  const std::string pattern = "/" + df::escape_glob(http.name);
  return std::optional(RemoteSource{std::move(http), pattern, flags.unpack.value_or(false)});
}

}  // namespace kiln::frontend
