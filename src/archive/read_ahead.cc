// SPDX-License-Identifier: Apache-2.0
#include "archive/read_ahead.h"

namespace kiln::archive {

ReadAhead::ReadAhead(ByteSource& source)
    : thread_([this, &source] {
        const auto copied = copy_all(source, pipe_.sink());
        pipe_.finish(copied ? Result<void>() : Result<void>(copied.error()));
      }) {}

ReadAhead::~ReadAhead() { pipe_.abandon(cancelled()); }

}  // namespace kiln::archive
