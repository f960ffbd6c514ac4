// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>

#include "dockerfile/parser.h"
#include "lint/source_lines.h"

namespace kiln::lint {

/// A parsed file beside its text.
struct FileView {
  explicit FileView(const dockerfile::Dockerfile& parsed);
  FileView(const FileView&) = delete;
  FileView& operator=(const FileView&) = delete;

  /// The lines of the instruction that begins where `range` does.
  const SourceLine& line_of(dockerfile::Range range) const {
    return *by_number.at(range.begin.line);
  }

  const dockerfile::Dockerfile& file;
  SourceLines lines;
  std::map<unsigned, const SourceLine*> by_number;
};

}  // namespace kiln::lint
