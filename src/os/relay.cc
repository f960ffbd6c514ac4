// SPDX-License-Identifier: Apache-2.0
#include "os/relay.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "os/process.h"

namespace kiln::os {
namespace {

constexpr std::size_t kBufferSize = std::size_t{64} << 10;
/// The most that a pipe holds: what a process wrote before its end is within so many bytes, and a
/// descendant that goes on writing can't keep us.
constexpr std::size_t kMostPending = std::size_t{1} << 20;

Result<void> make_non_blocking(int fd) {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags < 0 || ::fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
    return system_error(errno, "make a descriptor non-blocking");
  return {};
}

int poll_timeout(std::optional<Relay::Clock::time_point> deadline) {
  if (!deadline) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Relay::Clock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1 << 30));
}

}  // namespace

Relay::Relay() : buffer_(kBufferSize) {}

Result<void> Relay::add_source(Fd fd, Sink sink) {
  TRY(make_non_blocking(fd.get()));
  sources_.push_back({std::move(fd), std::move(sink)});
  return {};
}

Result<void> Relay::add_input(const Fd& from, const Fd& to) {
  TRY(make_non_blocking(to.get()));
  inputs_.push_back({.from = from.get(), .to = to.get(), .open = true, .pending = {}});
  return {};
}

void Relay::add_watch(const Fd& fd, std::function<void()> action) {
  watches_.push_back({fd.get(), std::move(action)});
}

Result<void> Relay::read_source(Source& source, bool to_the_end) {
  std::size_t total = 0;
  do {
    const ssize_t n = ::read(source.fd.get(), buffer_.data(), buffer_.size());
    if (n > 0) {
      total += static_cast<std::size_t>(n);
      source.sink(std::string_view(buffer_.data(), static_cast<std::size_t>(n)));
    } else if (n == 0 || errno == EIO) {  // EIO: the last holder of a terminal's other side is gone
      source.fd.reset();
    } else if (errno == EAGAIN) {
      return {};
    } else if (errno != EINTR) {
      return system_error(errno, "read the output of a process");
    }
  } while (to_the_end && source.fd && total < kMostPending);
  return {};
}

Result<void> Relay::read_input(Input& input) {
  const ssize_t n = ::read(input.from, buffer_.data(), buffer_.size());
  if (n > 0) {
    input.pending.assign(buffer_.data(), static_cast<std::size_t>(n));
    return write_input(input);
  }
  if (n == 0 || (errno != EINTR && errno != EAGAIN)) input.open = false;
  return {};
}

Result<void> Relay::write_input(Input& input) {
  const ssize_t n = ::write(input.to, input.pending.data(), input.pending.size());
  if (n >= 0) {
    input.pending.erase(0, static_cast<std::size_t>(n));
  } else if (errno != EAGAIN && errno != EINTR) {
    input.pending.clear();
    input.open = false;
  }
  return {};
}

Result<bool> Relay::run_until_end(const Process& process,
                                  std::optional<Clock::time_point> deadline) {
  std::vector<pollfd> polled;
  while (!interrupted_) {
    polled.clear();
    const auto add = [&](int fd, short events) {
      polled.push_back({.fd = fd, .events = events, .revents = 0});
    };
    add(process.pidfd().get(), POLLIN);
    for (const Source& source : sources_) add(source.fd.get(), POLLIN);
    for (const Watch& watch : watches_) add(watch.fd, POLLIN);
    for (const Input& input : inputs_) {
      const bool waits_for_room = !input.pending.empty();
      add(!input.open ? -1 : (waits_for_room ? input.to : input.from),
          waits_for_room ? POLLOUT : POLLIN);
    }

    const int n = ::poll(polled.data(), polled.size(), poll_timeout(deadline));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return system_error(errno, "wait for a process");
    const bool late = deadline && Clock::now() >= *deadline;

    auto next = polled.begin();
    const bool ended = (next++)->revents != 0;
    for (Source& source : sources_) {
      const bool readable = (next++)->revents != 0;
      if (source.fd && (ended || readable)) TRY(read_source(source, ended));
    }
    if (ended) return true;
    const std::size_t polled_inputs = inputs_.size();  // an action may add more
    for (const Watch& watch : watches_)
      if ((next++)->revents != 0) watch.action();
    for (std::size_t i = 0; i < polled_inputs; ++i) {
      Input& input = inputs_[i];
      if ((next++)->revents == 0) continue;
      TRY(input.pending.empty() ? read_input(input) : write_input(input));
    }
    if (late) return false;
  }
  interrupted_ = false;
  return false;
}

Result<std::unique_ptr<StopEvent>> StopEvent::create(std::stop_token token) {
  Fd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) return system_error(errno, "create an eventfd");
  return std::unique_ptr<StopEvent>(new StopEvent(std::move(fd), std::move(token)));
}

StopEvent::StopEvent(Fd fd, std::stop_token token)
    : fd_(std::move(fd)), callback_(std::move(token), Notify{fd_.get()}) {}

void StopEvent::clear() const {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(fd_.get(), &count, sizeof count);
}

void StopEvent::Notify::operator()() const {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(fd, &one, sizeof one);
}

}  // namespace kiln::os
