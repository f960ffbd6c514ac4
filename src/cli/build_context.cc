// SPDX-License-Identifier: Apache-2.0
#include "cli/build_context.h"

#include "archive/fd_stream.h"
#include "archive/prefixed_source.h"
#include "base/paths.h"
#include "base/strings.h"
#include "base/url.h"
#include "cli/dockerfile_input.h"
#include "dockerfile/git_url.h"
#include "dockerfile/ignore.h"
#include "exporter/oci_layout.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"
#include "remote/archive_tree.h"
#include "remote/git_source.h"
#include "remote/http_source.h"
#include "solver/source_ops.h"

namespace kiln::cli {
namespace {

constexpr std::size_t kSniffed = 1024;

bool is_directory(const std::string& path) { return os::Dir::open(path).ok(); }

bool is_http(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

Result<BuildContext> empty_context(const remote::Access& access, std::string dockerfile) {
  BuildContext out;
  store::ScratchDir scratch = TRY(access.store.workspace().create_scratch());
  out.scratch.emplace(std::move(scratch));
  TRY(out.scratch->dir().set_mode(".", 0755));
  out.path = out.scratch->path();
  out.dockerfile = std::move(dockerfile);
  return out;
}

Result<BuildContext> read_standard_input(const remote::Access& access, const std::string& file) {
  if (file == "-")
    return invalid_input("invalid argument: can't use stdin for both build context and dockerfile");
  const os::Fd input = TRY(os::standard_input());
  archive::FdSource source(input, "standard input", access.stop);
  std::vector<std::byte> head(kSniffed);
  const std::size_t size = TRY(archive::read_up_to(source, head));
  head.resize(size);
  if (size == 0)
    return invalid_input("the build context on standard input is empty")
        .with_hint("pipe a tar archive or a Dockerfile into it");
  const bool is_archive = remote::looks_like_archive(head);
  archive::PrefixedSource whole(std::move(head), source);
  if (!is_archive) {
    if (!file.empty())
      return invalid_input(
          "ambiguous Dockerfile source: both stdin and flag correspond to Dockerfiles");
    std::string text = TRY(archive::read_all(whole, kMaxDockerfileSize));
    return empty_context(access, std::move(text));
  }
  BuildContext out;
  out.owners = solver::Owners::as_on_disk;
  store::ScratchDir scratch = TRY(access.store.workspace().create_scratch());
  out.scratch.emplace(std::move(scratch));
  TRY(out.scratch->dir().set_mode(".", 0755));
  TRY(remote::unpack_archive(access, whole, out.scratch->dir())
          .context("unpack the build context"));
  out.path = out.scratch->path();
  return out;
}

Result<BuildContext> fetch_git(const remote::Access& access, const dockerfile::GitUrl& url,
                               GitDir git_dir) {
  llb::GitSource source = frontend::git_source(url);
  if (git_dir == GitDir::keep) source.keep_git_dir = true;
  BuildContext out;
  out.kept = TRY(remote::check_out(access, solver::checkout_of(source)));
  out.path = out.kept->path();
  return out;
}

Result<BuildContext> fetch_http(const remote::Access& access, const std::string& url) {
  const remote::FetchedFile file = TRY(remote::fetch_file(access, {url, "context", {}}));
  BuildContext out;
  const os::Dir fetched = TRY(os::Dir::open(file.tree.path()));
  const os::FileInfo info = TRY(fetched.stat(file.name));
  out.modified = info.mtime;
  out.kept = TRY(remote::unpack_fetched(access, file).context("unpack the build context"));
  if (out.kept) {
    out.owners = solver::Owners::as_on_disk;
  } else {
    out.kept = file.tree;
    out.dockerfile = TRY(os::read_file(file.tree.path() + "/" + file.name, kMaxDockerfileSize));
  }
  out.path = out.kept->path();
  return out;
}

Result<std::string> fetch_dockerfile(const remote::Access& access, const std::string& url) {
  const remote::FetchedFile file = TRY(remote::fetch_file(access, {url, "Dockerfile", {}}));
  return os::read_file(file.tree.path() + "/" + file.name, kMaxDockerfileSize);
}

/// Symlinks of a context from elsewhere are somebody else's: they stay inside.
Result<DockerfileText> find_inside(const BuildContext& context, const std::string& file) {
  const os::Dir root = TRY(os::Dir::open(context.path));
  std::vector<std::string> candidates = {file};
  if (file.empty()) candidates.assign(kDockerfileNames.begin(), kDockerfileNames.end());
  for (const auto& path : candidates) {
    const auto fd = root.open_file_in_root(path);
    if (!fd && fd.error().kind() == ErrorKind::not_found) continue;
    if (!fd) return fd.error();
    std::string text = TRY(os::read_all(*fd, path, kMaxDockerfileSize));
    return DockerfileText{std::string(base_name(path)), std::move(text)};
  }
  return no_dockerfile(candidates.front());
}

Result<BuildContext> open_directory(const std::string& path) {
  BuildContext out;
  out.path = TRY(os::canonical_path(path));
  out.is_local = true;
  const auto dir = os::Dir::open(out.path);
  if (!dir) return dir.error();
  return out;
}

Result<llb::LocalSource> local_source(const std::string& name, const std::string& path) {
  if (!os::path_exists(path))
    return not_found("failed to get build context " + name + ": stat " + path +
                     ": no such file or directory");
  if (!is_directory(path))
    return invalid_input("failed to get build context " + name + ": " + path +
                         " is not a directory");
  llb::LocalSource out{"context:" + name, {}};
  auto ignore = os::read_file(path + "/.dockerignore", kMaxDockerfileSize);
  if (ignore) {
    out.ignore = dockerfile::parse_ignore_file(*ignore);
  } else if (ignore.error().kind() != ErrorKind::not_found) {
    return std::move(ignore).error();
  }
  return out;
}

Result<frontend::NamedContext> named_context(const std::string& name, const std::string& value) {
  constexpr std::string_view kImage = "docker-image://";
  if (value.starts_with(kImage))
    return frontend::NamedContext(frontend::ImageContext{value.substr(kImage.size())});
  if (value.starts_with(exporter::kLayoutScheme))
    return frontend::NamedContext(frontend::ImageContext{value});
  if (!is_directory(value)) {
    const auto git = dockerfile::parse_git_url(value, dockerfile::FileUrls::yes);
    if (is_http(value) || !git || *git)
      return frontend::NamedContext(frontend::AddressContext{value});
  }
  auto local = TRY(local_source(name, value));
  return frontend::NamedContext(std::move(local));
}

}  // namespace

Result<BuildContext> open_build_context(const remote::Access& access, const std::string& context,
                                        const std::string& file, GitDir git_dir) {
  if (context == "-") return read_standard_input(access, file);
  if (is_directory(context)) return open_directory(context);
  const auto git = TRY(dockerfile::parse_git_url(context, dockerfile::FileUrls::yes));
  if (git) return fetch_git(access, *git, git_dir);
  if (is_http(context)) return fetch_http(access, context);
  if (os::path_exists(context))
    return invalid_input("unable to prepare context: path \"" + context + "\" is not a directory");
  return not_found("unable to prepare context: path \"" + context + "\" not found");
}

bool has_to_be_fetched(const std::string& context, const std::string& file) {
  if (is_http(file) || context == "-") return true;
  if (is_directory(context)) return false;
  const auto git = dockerfile::parse_git_url(context, dockerfile::FileUrls::yes);
  return !git || *git || is_http(context);
}

std::string fetching_name(const std::string& context) {
  if (context == "-" || is_directory(context)) return {};
  const auto git = dockerfile::parse_git_url(context, dockerfile::FileUrls::yes);
  if (git && *git) return "[internal] load git source " + redact_credentials(context);
  if (is_http(context)) return "[internal] load remote build context";
  return {};
}

Result<DockerfileInput> read_dockerfile_of(const remote::Access& access,
                                           const BuildContext& context, const std::string& file) {
  if (context.is_local && !is_http(file)) return read_dockerfile(context.path, file);
  DockerfileInput out;
  out.name = "Dockerfile";
  out.context_path = context.path;
  if (is_http(file)) {
    out.text = TRY(fetch_dockerfile(access, file).context("failed to read dockerfile"));
    if (context.is_local) {
      const auto ignore = TRY(find_ignore_file(context.path, {}));
      if (ignore) out.ignore = dockerfile::parse_ignore_file(*ignore);
    }
  } else if (file == "-") {
    const os::Fd input = TRY(os::standard_input());
    archive::FdSource source(input, "standard input", access.stop);
    out.text = TRY(archive::read_all(source, kMaxDockerfileSize));
  } else if (file.starts_with('/')) {
    const DockerfileText found = TRY(read_dockerfile_text({}, file));
    out.name = found.name;
    out.text = found.text;
  } else if (context
                 .dockerfile) {  // --file names nothing in it, and does not count, as in BuildKit
    out.text = *context.dockerfile;
  } else {
    const DockerfileText found = TRY(find_inside(context, file));
    out.name = found.name;
    out.text = found.text;
  }
  out.path = out.name;
  return out;
}

Result<NamedContextFlags> parse_named_contexts(const std::vector<std::string>& flags) {
  NamedContextFlags out;
  for (const auto& flag : flags) {
    const auto [name, value] = split_once(flag, '=');
    if (!value || name.empty())
      return invalid_input("invalid context value: " + flag + ", expected key=value");
    const std::string key = TRY(frontend::context_name(std::string(name)));
    auto context = TRY(named_context(std::string(name), std::string(*value)));
    if (const auto* local = std::get_if<llb::LocalSource>(&context))
      out.directories[local->name] = TRY(os::canonical_path(std::string(*value)));
    out.contexts.insert_or_assign(key, std::move(context));
  }
  return out;
}

}  // namespace kiln::cli
