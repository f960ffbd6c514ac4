// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <thread>

#include "archive/byte_pipe.h"
#include "archive/byte_stream.h"

namespace kiln::archive {

/// Reads a source on a thread of its own, a bounded number of bytes ahead of whoever reads from
/// here. The source must outlive it, and is nobody else's until this has given its end or is gone.
class ReadAhead final : public ByteSource {
 public:
  explicit ReadAhead(ByteSource& source);
  ~ReadAhead() override;
  Result<std::size_t> read(MutableBytes into) override { return pipe_.source().read(into); }

 private:
  BytePipe pipe_;
  std::jthread thread_;
};

}  // namespace kiln::archive
