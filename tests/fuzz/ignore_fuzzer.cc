// SPDX-License-Identifier: Apache-2.0
// Ignore files: the text up to the first NUL, then paths, a line each.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "base/strings.h"
#include "dockerfile/glob.h"
#include "dockerfile/ignore.h"

namespace {

using namespace kiln::dockerfile;

void check_path(const IgnorePatterns& patterns, const std::string& path) {
  // A walker's verdict, from directory to directory, is that on the lone path.
  IgnorePatterns::Verdict verdict;
  bool skipped = false;
  for (std::size_t slash = 0; slash != std::string::npos;) {
    slash = path.find('/', slash + 1);
    const std::string part = path.substr(0, slash);
    const IgnorePatterns::Verdict parent = verdict;
    verdict = patterns.judge(part, part.find('/') == std::string::npos ? nullptr : &parent);
    // What a walker may skip holds nothing that it would have taken.
    if (skipped) CHECK(verdict.ignored);
    skipped = skipped || (verdict.ignored && !patterns.may_contain_exceptions(part));
  }
  CHECK(verdict.ignored == patterns.ignores(path));
}

bool is_path(const std::string& path) {
  return !path.empty() && !path.starts_with('/') && clean_path(path) == path && path != "." &&
         !path.starts_with("..");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const auto [text, rest] = kiln::split_once(input, '\0');
  std::vector<std::string> lines = parse_ignore_file(text);
  const auto patterns = IgnorePatterns::create(lines);
  static_cast<void>(glob_match(text.substr(0, text.find('\n')), "src/main.go").ok());
  if (!patterns.ok()) return 0;
  lines.emplace_back("**");
  const auto all = IgnorePatterns::create(lines);
  lines.emplace_back("!**");
  const auto none = IgnorePatterns::create(lines);
  CHECK(all.ok() && none.ok());
  std::vector<std::string> paths = {"a", "a/b/c", ".hidden", "größe/x.log", "a[b]\\"};
  for (const std::string_view path : kiln::split(rest.value_or(""), '\n')) paths.emplace_back(path);
  for (const std::string& path : paths) {
    if (!is_path(path)) continue;
    check_path(*patterns, path);
    CHECK(all->ignores(path));
    CHECK(!none->ignores(path));
  }
  return 0;
}
