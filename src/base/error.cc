// SPDX-License-Identifier: Apache-2.0
#include "base/error.h"

#include <utility>

namespace kiln {

Error Error::context(std::string_view what) && {
  message_.insert(0, ": ");
  message_.insert(0, what);
  return std::move(*this);
}

Error Error::with_hint(std::string hint) && {
  hint_ = std::move(hint);
  return std::move(*this);
}

Error Error::with_exit_code(int code) && {
  exit_code_ = code;
  return std::move(*this);
}

Error invalid_input(std::string message) { return {ErrorKind::invalid_input, std::move(message)}; }
Error not_found(std::string message) { return {ErrorKind::not_found, std::move(message)}; }
Error corrupt(std::string message) { return {ErrorKind::corrupt, std::move(message)}; }
Error unsupported(std::string message) { return {ErrorKind::unsupported, std::move(message)}; }
Error cancelled() { return {ErrorKind::cancelled, "cancelled"}; }

}  // namespace kiln
