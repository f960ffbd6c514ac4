// SPDX-License-Identifier: Apache-2.0
// Any text: rules end, and what --fix leaves is as valid as before and needs no fixing.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "lint/fix.h"
#include "lint/report.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  kiln::lint::LintRequest request;
  request.build.platform = {"linux", "amd64", {}};
  const kiln::dockerfile::Source source("Dockerfile", text);
  const auto file = kiln::dockerfile::parse("Dockerfile", text);
  if (!file) {
    const auto line = kiln::lint::error_line(source, file.error()).value_or(1);
    kiln::lint::lint_before_error(source, line, request);
    return 0;
  }
  const auto findings = kiln::lint::lint(*file, request);
  kiln::lint::check_text({file->source, findings}, "Dockerfile");
  kiln::lint::sarif({file->source, findings}, "Dockerfile", "0");
  const auto once = kiln::lint::fix("Dockerfile", text, request);
  if (!once) return 0;
  const auto twice = kiln::lint::fix("Dockerfile", once->text, request);
  CHECK(twice && twice->text == once->text);
  kiln::lint::unified_diff("Dockerfile", text, once->text);
  return 0;
}
