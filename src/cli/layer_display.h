// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "exporter/transfer_progress.h"

namespace kiln::cli {

/// How layers come or go, in docker's words: on a terminal a line for each, rewritten in place,
/// with its bytes; elsewhere a line for each thing that happens. What no longer fits on the
/// terminal comes as lines, too.
class LayerDisplay final : public exporter::TransferProgress {
 public:
  struct Terminal {
    unsigned rows = 0, columns = 0;
  };
  using Write = std::function<Result<void>(std::string_view text)>;
  using Clock = std::function<std::chrono::steady_clock::time_point()>;

  /// On standard output, and silent if `quiet`.
  static LayerDisplay on_standard_output(bool quiet);
  /// No rows: no terminal.
  LayerDisplay(Write write, Terminal terminal, Clock clock = std::chrono::steady_clock::now);

  void layer(std::string_view layer, std::string_view status) override;
  void transferred(std::string_view layer, Direction direction, std::uint64_t bytes,
                   std::uint64_t total) override;

 private:
  void show(std::string_view layer, std::string text);

  Write write_;
  Terminal terminal_;
  Clock clock_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, std::size_t, std::less<>> rows_;  ///< of a layer's line, from the first on
  std::size_t lines_ = 0;
  std::map<std::string, std::chrono::steady_clock::time_point, std::less<>> drawn_;
};

/// `[=====>       ]  1.2MB/34.56MB`, docker's, or just the bytes where there is no room for a bar
/// or no total.
std::string transfer_bar(std::uint64_t bytes, std::uint64_t total, unsigned columns);

}  // namespace kiln::cli
