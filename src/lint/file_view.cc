// SPDX-License-Identifier: Apache-2.0
#include "lint/file_view.h"

namespace kiln::lint {

FileView::FileView(const dockerfile::Dockerfile& parsed)
    : file(parsed), lines(read_source_lines(parsed.source, parsed.directives)) {
  for (const SourceLine& line : lines) by_number.emplace(line.first, &line);
}

}  // namespace kiln::lint
