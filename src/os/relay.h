// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/fd.h"

namespace kiln::os {

class Process;

/// Carries the output of a running process to callbacks, in the calling thread, until the process
/// has ended. What it wrote before its end is delivered in full; a descendant that outlives it and
/// keeps a stream open is not waited for.
class Relay {
 public:
  using Sink = std::function<void(std::string_view bytes)>;
  using Clock = std::chrono::steady_clock;

  Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  /// Reads `fd` (the read end of a pipe, a terminal's master side) to its end and gives `sink` the
  /// bytes as they come. Makes `fd` non-blocking.
  Result<void> add_source(Fd fd, Sink sink);
  /// Copies what comes from `from` to `to`, which is made non-blocking; `from` is read only when
  /// `to` has room. Both are borrowed.
  Result<void> add_input(const Fd& from, const Fd& to);
  /// Calls `action` whenever `fd`, which is borrowed, is readable; `action` has to read it, and may
  /// add sources and inputs.
  void add_watch(const Fd& fd, std::function<void()> action);

  /// True once the process has ended and its output is delivered; false when `deadline` passes.
  /// May be called again after that.
  Result<bool> run_until_end(const Process& process, std::optional<Clock::time_point> deadline);
  /// Makes the running or next run_until_end return false. Called from an action.
  void interrupt() { interrupted_ = true; }

 private:
  struct Source {
    Fd fd;
    Sink sink;
  };
  struct Input {
    int from;
    int to;
    bool open = true;
    std::string pending;
  };
  struct Watch {
    int fd;
    std::function<void()> action;
  };

  Result<void> read_source(Source& source, bool to_the_end);
  Result<void> read_input(Input& input);
  Result<void> write_input(Input& input);

  std::vector<Source> sources_;
  std::vector<Input> inputs_;
  std::vector<Watch> watches_;
  std::vector<char> buffer_;
  bool interrupted_ = false;
};

/// A descriptor that becomes readable when `token` is asked to stop, at once if it already was.
class StopEvent {
 public:
  static Result<std::unique_ptr<StopEvent>> create(std::stop_token token);
  const Fd& fd() const { return fd_; }
  /// Makes it unreadable again.
  void clear() const;

 private:
  struct Notify {
    int fd;
    void operator()() const;
  };
  StopEvent(Fd fd, std::stop_token token);

  Fd fd_;
  std::stop_callback<Notify> callback_;
};

}  // namespace kiln::os
