// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace kiln::exporter {

/// Is told how the layers of an image come or go. Called from several threads at once.
class TransferProgress {
 public:
  virtual ~TransferProgress() = default;
  /// `layer` as docker shows one, twelve digits; `status` in docker's words.
  virtual void layer(std::string_view layer, std::string_view status) = 0;
};

}  // namespace kiln::exporter
