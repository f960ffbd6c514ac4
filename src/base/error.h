// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace kiln {

/// What a caller can branch on. A new kind is added only when some caller does.
enum class ErrorKind {
  not_found,       ///< something named does not exist
  already_exists,  ///< something that must not exist does
  invalid_input,   ///< the user's or an image's input breaks a rule
  corrupt,         ///< stored or foreign bytes are not what their digest or format says
  unsupported,     ///< valid, but neither this build of kiln nor this machine can do it
  permission,      ///< the operating system or a policy forbids it
  no_space,        ///< disk, quota or memory is full
  cancelled,       ///< the user asked to stop
  step_failed,     ///< a process of a build step or container exited with a failure
  unauthorized,    ///< a server wants credentials, or others than it got
  unreachable,     ///< no connection to a server: its name is unknown, or nobody answers there
  untrusted,       ///< no encrypted connection, or its certificate does not fit
  timed_out,       ///< a server did not answer, or stopped in the middle
  interrupted,     ///< a connection broke, or a server failed; a later try may do better
  system,          ///< any other failure of the operating system
};

/// One failure: a kind to branch on and a message for a person. Context is prepended on the way
/// up, outermost first: `Dockerfile:7: RUN make: mount overlay: Operation not permitted`.
class [[nodiscard]] Error {
 public:
  Error(ErrorKind kind, std::string message) : kind_(kind), message_(std::move(message)) {}

  ErrorKind kind() const { return kind_; }
  const std::string& message() const { return message_; }
  /// The exit status that the process should end with; 1 unless a step said otherwise.
  int exit_code() const { return exit_code_; }
  /// What the user can do about it; empty if nothing more is known. Shown on a line of its own.
  const std::string& hint() const { return hint_; }

  /// Prepends `what` and ": ".
  Error context(std::string_view what) &&;
  Error with_hint(std::string hint) &&;
  Error with_exit_code(int code) &&;

 private:
  ErrorKind kind_;
  int exit_code_ = 1;
  std::string message_;
  std::string hint_;
};

Error invalid_input(std::string message);
Error not_found(std::string message);
Error corrupt(std::string message);
Error unsupported(std::string message);
/// The user asked to stop.
Error cancelled();

}  // namespace kiln
