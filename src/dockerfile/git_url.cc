// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/git_url.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "base/url.h"
#include "dockerfile/ignore.h"

namespace kiln::dockerfile {
namespace {

using Query = std::vector<std::pair<std::string, std::string>>;

bool is_word(std::string_view text, std::string_view also) {
  return !text.empty() && std::ranges::all_of(text, [also](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           also.find(c) != std::string_view::npos;
  });
}

/// Whether there is a scheme, known or not: letters and digits before `://`.
bool has_scheme(std::string_view text) {
  const auto mark = text.find("://");
  return mark != std::string_view::npos && is_word(text.substr(0, mark), "");
}

/// What the parts of an address say before its query is read.
struct Parts {
  GitUrl url;
  std::string fragment;
  std::string query;
};

/// USER@HOST:PATH, the form of scp; fragment and query are not decoded.
std::optional<Parts> parse_scp_form(std::string_view text) {
  if (text.find('\n') != std::string_view::npos) return std::nullopt;
  const auto [user, rest] = split_once(text, '@');
  // BuildKit takes a user with a dash in front too; ssh would take it for an option.
  if (!rest || !is_word(user, "-_") || user.starts_with('-')) return std::nullopt;
  const auto [host, path_and_more] = split_once(*rest, ':');
  if (!path_and_more || !is_word(host, "-.")) return std::nullopt;
  Parts out;
  const auto [before_fragment, fragment] = split_once(*path_and_more, '#');
  const auto [path, query] = split_once(before_fragment, '?');
  out.fragment = fragment.value_or("");
  out.query = query.value_or("");
  out.url.remote = std::string(user) + "@" + std::string(host) + ":" + std::string(path);
  return out;
}

std::optional<Parts> parse_with_scheme(std::string_view text, FileUrls files) {
  const auto url = parse_url(text);
  if (!url) return std::nullopt;
  Parts out;
  const bool is_http = url->scheme == "http" || url->scheme == "https";
  if (url->scheme == "file") {
    if (files == FileUrls::no || !url->host.empty() || url->path.size() < 2) return std::nullopt;
    out.url.is_file = true;
  } else if (!is_http && url->scheme != "ssh" && url->scheme != "git") {
    return std::nullopt;
  }
  // Anything can be had by http: only a name that ends so is a repository's.
  if (is_http && !url->path.ends_with(".git")) return std::nullopt;
  out.url.unencrypted = url->scheme == "http" || url->scheme == "git";
  out.url.remote = url->location();
  out.fragment = url->fragment;
  out.query = url->query;
  return out;
}

std::optional<Parts> parse_parts(std::string_view text, FileUrls files) {
  if (text.starts_with("./") || text.starts_with("../")) return std::nullopt;
  if (text.starts_with("github.com/")) {
    const auto url = parse_url("https://" + std::string(text));
    if (!url) return std::nullopt;
    Parts out;
    out.url.like_a_path = true;
    out.url.remote = url->host + url->raw_path;
    out.fragment = url->fragment;
    out.query = url->query;
    return out;
  }
  return has_scheme(text) ? parse_with_scheme(text, files) : parse_scp_form(text);
}

Result<bool> flag_value(const std::string& name, const std::string& value) {
  if (value.empty()) return true;
  const auto flag = parse_bool(value);
  if (!flag) return invalid_input(fmt::format("invalid {} value: \"{}\"", name, value));
  return *flag;
}

Result<void> set_once(std::string& target, const char* what, const std::string& value) {
  if (!target.empty() && target != value)
    return invalid_input(fmt::format("{} conflicts: \"{}\" vs \"{}\"", what, target, value));
  target = value;
  return {};
}

std::string with_prefix(const std::string& prefix, const std::string& name) {
  return name.starts_with(prefix) ? name : prefix + name;
}

Result<void> apply_query(const Query& query, GitUrl& url) {
  static const std::set<std::string> kFlags = {"submodules", "keep-git-dir", "fetch-by-commit"};
  std::string tag, branch;
  std::set<std::string> seen;
  for (const auto& [name, value] : query) {
    if (!seen.insert(name).second)
      return invalid_input("query \"" + name + "\" has multiple values");
    if (value.empty() && !kFlags.contains(name))
      return invalid_input("query \"" + name + "\" has no value");
    if (name == "ref") {
      TRY(set_once(url.ref, "ref", value));
    } else if (name == "tag") {
      tag = value;
    } else if (name == "branch") {
      branch = value;
    } else if (name == "subdir") {
      TRY(set_once(url.subdir, "subdir", value));
    } else if (name == "checksum" || name == "commit") {
      TRY(set_once(url.checksum, "checksum", value));
    } else if (name == "keep-git-dir") {
      url.keep_git_dir = TRY(flag_value(name, value));
    } else if (name == "submodules") {
      url.submodules = TRY(flag_value(name, value));
    } else if (name == "fetch-by-commit") {
      url.fetch_by_commit = TRY(flag_value(name, value));
    } else if (name == "mtime") {
      if (value != "checkout" && value != "commit")
        return invalid_input(
            fmt::format("invalid mtime value: \"{}\" (must be \"checkout\" or \"commit\")", value));
      url.commit_mtime = value == "commit";
    } else {
      return invalid_input("unexpected query \"" + name + "\"");
    }
  }
  if (!tag.empty() && !branch.empty()) return invalid_input("branch conflicts with tag");
  if (!tag.empty()) TRY(set_once(url.ref, "ref", with_prefix("refs/tags/", tag)));
  if (!branch.empty()) TRY(set_once(url.ref, "ref", with_prefix("refs/heads/", branch)));
  return {};
}

}  // namespace

Result<std::optional<GitUrl>> parse_git_url(std::string_view text, FileUrls files) {
  auto parts = parse_parts(text, files);
  if (!parts) return std::optional<GitUrl>();
  const auto query = parse_query(parts->query);
  if (!query) return std::optional<GitUrl>();
  GitUrl url = std::move(parts->url);
  if (!parts->fragment.empty()) {
    const auto [ref, subdir] = split_once(parts->fragment, ':');
    url.ref = ref;
    url.subdir = clean_path("/" + std::string(subdir.value_or(""))).substr(1);
  }
  TRY(apply_query(*query, url));
  return std::optional(std::move(url));
}

}  // namespace kiln::dockerfile
