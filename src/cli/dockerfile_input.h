// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace kiln::cli {

/// What a build is made of: the Dockerfile's text, the context's folder and what is ignored in it.
struct DockerfileInput {
  std::string name;  ///< as errors call it
  std::string path;  ///< as the user finds it
  std::string text;
  std::string context_path;  ///< absolute, without symlinks
  std::vector<std::string> ignore;
};

/// `context` and `file` as on the command line. Without `file` it is Dockerfile or dockerfile in
/// the context; "-" is standard input. The ignore file beside the Dockerfile, `NAME.dockerignore`,
/// comes before the context's own .dockerignore.
Result<DockerfileInput> read_dockerfile(const std::string& context, const std::string& file);

}  // namespace kiln::cli
