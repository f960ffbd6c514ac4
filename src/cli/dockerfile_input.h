// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kiln::cli {

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

}  // namespace kiln::cli
