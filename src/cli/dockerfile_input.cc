// SPDX-License-Identifier: Apache-2.0
#include "cli/dockerfile_input.h"

#include "dockerfile/ignore.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

constexpr std::size_t kMaxDockerfileSize = std::size_t{16} << 20;

Error no_dockerfile(const std::string& path) {
  return not_found("failed to read dockerfile: open " + path + ": no such file or directory")
      .with_hint("name it with --file, or - for standard input");
}

std::string base_name(const std::string& path) { return path.substr(path.find_last_of('/') + 1); }

Result<std::string> open_context(const std::string& context) {
  if (context == "-")
    return unsupported("a context on standard input is not supported by this version of kiln")
        .with_hint("the Dockerfile alone may come from standard input: --file -");
  if (context.find("://") != std::string::npos || context.starts_with("git@"))
    return unsupported("a remote context is not supported by this version of kiln: " + context);
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

}  // namespace

Result<DockerfileInput> read_dockerfile(const std::string& context, const std::string& file) {
  DockerfileInput out;
  out.context_path = TRY(open_context(context));
  std::string ignore_beside;
  if (file == "-") {
    const os::Fd input = TRY(os::standard_input());
    out.name = out.path = "Dockerfile";
    out.text = TRY(os::read_all(input, "standard input", kMaxDockerfileSize));
  } else if (!file.empty()) {
    auto text = TRY(read_if_there(file));
    if (!text) return no_dockerfile(base_name(file));
    out.name = base_name(file);
    out.path = file;
    out.text = *std::move(text);
    ignore_beside = file + ".dockerignore";
  } else {
    for (const char* name : {"Dockerfile", "dockerfile", "Containerfile"}) {
      auto text = TRY(read_if_there(out.context_path + "/" + name));
      if (!text) continue;
      out.name = name;
      out.path = context == "." ? name : out.context_path + "/" + name;
      out.text = *std::move(text);
      ignore_beside = out.context_path + "/" + name + ".dockerignore";
      break;
    }
    if (out.name.empty()) return no_dockerfile("Dockerfile");
  }
  std::optional<std::string> ignore;
  if (!ignore_beside.empty()) ignore = TRY(read_if_there(ignore_beside));
  if (!ignore) ignore = TRY(read_if_there(out.context_path + "/.dockerignore"));
  if (ignore) out.ignore = dockerfile::parse_ignore_file(*ignore);
  return out;
}

}  // namespace kiln::cli
