// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::cli {

inline constexpr std::size_t kMaxDockerfileSize = std::size_t{16} << 20;

/// What a Dockerfile is called, the first that there is.
inline constexpr std::array<const char*, 3> kDockerfileNames = {"Dockerfile", "dockerfile",
                                                                "Containerfile"};
/// There is none at `path`.
Error no_dockerfile(std::string_view path);

/// A Dockerfile without what it is built of.
struct DockerfileText {
  std::string name;  ///< as errors call it
  std::string text;
};

/// As read_dockerfile() finds it. The context is not looked at if `file` is given.
Result<DockerfileText> read_dockerfile_text(const std::string& context, const std::string& file);

/// What a build is made of: the Dockerfile's text, the context's folder and what is ignored in it.
struct DockerfileInput {
  std::string name;  ///< as errors call it
  std::string path;  ///< as the user finds it
  std::string text;
  std::string context_path;  ///< absolute, without symlinks
  std::vector<std::string> ignore;
};

/// `context` and `file` as on the command line. Without `file` it is the first of Dockerfile,
/// dockerfile and Containerfile in the context; "-" is standard input. One ignore file counts: the
/// first of `NAME.dockerignore` and `NAME.containerignore` beside the Dockerfile, .dockerignore and
/// .containerignore in the context.
Result<DockerfileInput> read_dockerfile(const std::string& context, const std::string& file);

/// The patterns of a file that --ignorefile names.
Result<std::vector<std::string>> read_ignore_file(const std::string& path);

/// The ignore file that counts for a context of this machine, if there is one; `dockerfile_path`
/// may be empty.
Result<std::optional<std::string>> find_ignore_file(const std::string& context_path,
                                                    const std::string& dockerfile_path);

}  // namespace kiln::cli
