// SPDX-License-Identifier: Apache-2.0
#include "cli/dockerfile_input.h"

#include "base/paths.h"
#include "dockerfile/ignore.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

Result<std::string> open_context(const std::string& context) {
  if (context == "-" || context.find("://") != std::string::npos || context.starts_with("git@"))
    return unsupported("not a directory of this machine: " + context);
  auto path = os::canonical_path(context);
  if (!path) return not_found("unable to prepare context: path \"" + context + "\" not found");
  auto dir = os::Dir::open(*path);
  if (!dir) return std::move(dir).error().context("unable to prepare context");
  return path;
}

Result<std::optional<std::string>> read_if_there(const std::string& path) {
  auto text = os::read_file(path, kMaxDockerfileSize);
  if (text) return std::optional(*std::move(text));
  if (text.error().kind() == ErrorKind::not_found) return std::optional<std::string>();
  return std::move(text).error();
}

/// A Dockerfile, and where it lies; empty for standard input.
struct FoundDockerfile {
  DockerfileText file;
  std::string path;
};

Result<FoundDockerfile> find_dockerfile(const std::string& context_path, const std::string& file) {
  if (file == "-") {
    const os::Fd input = TRY(os::standard_input());
    std::string text = TRY(os::read_all(input, "standard input", kMaxDockerfileSize));
    return FoundDockerfile{{"Dockerfile", std::move(text)}, {}};
  }
  std::vector<std::string> candidates;
  if (!file.empty()) {
    candidates.push_back(file);
    // On a file system that tells them apart, docker takes either case of its own name.
    if (base_name(file) == "Dockerfile")
      candidates.push_back(file.substr(0, file.size() - 10) + "dockerfile");
  } else {
    for (const char* name : kDockerfileNames) candidates.push_back(context_path + "/" + name);
  }
  for (const auto& path : candidates) {
    auto text = TRY(read_if_there(path));
    if (text) return FoundDockerfile{{std::string(base_name(path)), *std::move(text)}, path};
  }
  return no_dockerfile(base_name(candidates.front()));
}

}  // namespace

Error no_dockerfile(std::string_view path) {
  return not_found("failed to read dockerfile: open " + std::string(path) +
                   ": no such file or directory")
      .with_hint("name it with --file, or - for standard input");
}

Result<std::optional<std::string>> find_ignore_file(const std::string& context_path,
                                                    const std::string& dockerfile_path) {
  std::vector<std::string> candidates;
  if (!dockerfile_path.empty()) {
    candidates = {dockerfile_path + ".dockerignore", dockerfile_path + ".containerignore"};
  }
  candidates.push_back(context_path + "/.dockerignore");
  candidates.push_back(context_path + "/.containerignore");
  for (const auto& path : candidates) {
    auto text = TRY(read_if_there(path));
    if (text) return text;
  }
  return std::optional<std::string>();
}

Result<std::vector<std::string>> read_ignore_file(const std::string& path) {
  const std::string text = TRY(os::read_file(path).context("failed to read the ignore file"));
  return dockerfile::parse_ignore_file(text);
}

Result<DockerfileText> read_dockerfile_text(const std::string& context, const std::string& file) {
  std::string context_path;
  if (file.empty()) context_path = TRY(open_context(context));
  FoundDockerfile found = TRY(find_dockerfile(context_path, file));
  return std::move(found.file);
}

Result<DockerfileInput> read_dockerfile(const std::string& context, const std::string& file) {
  DockerfileInput out;
  out.context_path = TRY(open_context(context));
  FoundDockerfile found = TRY(find_dockerfile(out.context_path, file));
  out.name = std::move(found.file.name);
  out.text = std::move(found.file.text);
  out.path = found.path.empty() || (file.empty() && context == ".") ? out.name : found.path;
  const auto ignore = TRY(find_ignore_file(out.context_path, found.path));
  if (ignore) out.ignore = dockerfile::parse_ignore_file(*ignore);
  return out;
}

}  // namespace kiln::cli
