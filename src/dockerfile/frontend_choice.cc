// SPDX-License-Identifier: Apache-2.0
#include "dockerfile/frontend_choice.h"

#include <fmt/format.h>

#include "base/strings.h"
#include "dockerfile/directives.h"

namespace kiln::dockerfile {
namespace {

/// An image's name without registry, tag and digest: `docker/dockerfile` of
/// `docker.io/docker/dockerfile:1@sha256:…`.
std::string_view repository_of(std::string_view image) {
  image = image.substr(0, image.find('@'));
  const auto slash = image.rfind('/');
  const auto colon = image.rfind(':');
  if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
    image = image.substr(0, colon);
  }
  return image;
}

std::string_view last_part(std::string_view repository) {
  const auto slash = repository.rfind('/');
  return slash == std::string_view::npos ? repository : repository.substr(slash + 1);
}

bool is_own(std::string_view repository) {
  for (const std::string_view name : {"docker/dockerfile", "docker/dockerfile-upstream"}) {
    if (!repository.ends_with(name)) continue;
    const auto before = repository.substr(0, repository.size() - name.size());
    if (before.empty() || before.ends_with('/')) return true;
  }
  return repository == "dockerfile.v0";
}

/// The line that the directive is in: the first that names the frontend.
Range place_of(const Source& source, const std::string& frontend) {
  for (unsigned number = 1; number <= source.line_count(); ++number) {
    const auto found = source.line(number).find(frontend);
    if (found == std::string_view::npos) continue;
    const auto column = static_cast<unsigned>(found) + 1;
    return {{number, column}, {number, column + static_cast<unsigned>(frontend.size())}};
  }
  return {};
}

}  // namespace

Result<std::optional<Diagnostic>> check_frontend(const Source& source,
                                                 const std::string& override) {
  const bool overridden = !override.empty();
  const auto frontend = overridden ? std::optional(override) : find_syntax(source);
  if (!frontend) return std::optional<Diagnostic>();
  const std::string_view repository = repository_of(*frontend);
  if (is_own(repository)) return std::optional<Diagnostic>();
  const Range place = overridden ? Range{} : place_of(source, *frontend);
  if (last_part(repository).starts_with("dockerfile")) {
    return std::optional(Diagnostic{
        place, fmt::format("the frontend {} is not run: kiln reads Dockerfiles itself", *frontend),
        "what it adds to the language, if anything, is not known here"});
  }
  std::string message =
      fmt::format("the frontend {} is not known: kiln reads Dockerfiles only", *frontend);
  const char* hint =
      "if the file is a Dockerfile, remove the line, or use "
      "--build-arg BUILDKIT_SYNTAX=docker/dockerfile:1";
  if (overridden) return unsupported("BUILDKIT_SYNTAX: " + message);
  return unsupported(fmt::format("{}:{}: {}\n{}", source.name(), place.begin.line, message,
                                 excerpt(source, place)))
      .with_hint(hint);
}

}  // namespace kiln::dockerfile
