// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kiln::dockerfile {

enum class Keyword {
  add,
  arg,
  cmd,
  copy,
  entrypoint,
  env,
  expose,
  from,
  healthcheck,
  label,
  maintainer,
  onbuild,
  run,
  shell,
  stopsignal,
  user,
  volume,
  workdir,
};

/// In any case of letters.
std::optional<Keyword> find_keyword(std::string_view word);
/// Upper case.
std::string_view keyword_name(Keyword keyword);
std::vector<std::string> keyword_names();

/// ` (did you mean X?)` with the candidate that is at most two edits away, or nothing. A word in
/// lower case gets its suggestion in lower case.
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace kiln::dockerfile
