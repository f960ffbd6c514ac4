// SPDX-License-Identifier: Apache-2.0
#include "os/system.h"

#include <arpa/inet.h>
#include <sched.h>
#include <sys/random.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <ctime>
#include <memory>

#include "base/sha256.h"
#include "os/fd.h"

namespace kiln::os {

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());  // NOLINT: nothing here changes the environment
  if (value == nullptr) return std::nullopt;
  return std::string(value);
}

std::uint32_t effective_uid() { return ::geteuid(); }
std::uint32_t effective_gid() { return ::getegid(); }
std::uint32_t real_uid() { return ::getuid(); }
int process_id() { return ::getpid(); }

TimePoint wall_clock() {
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return {now.tv_sec, static_cast<std::uint32_t>(now.tv_nsec)};
}

unsigned processor_count() {
  cpu_set_t set;
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<unsigned>(CPU_COUNT(&set));
}

std::string go_architecture() {
  utsname name{};
  if (::uname(&name) != 0) return "amd64";
  const std::string machine = name.machine;
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  if (machine.starts_with("arm")) return "arm";
  if (machine == "i686" || machine == "i386") return "386";
  return machine;
}

bool is_ip_address(const std::string& text) {
  std::array<std::byte, sizeof(in6_addr)> address{};
  return ::inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         ::inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

std::string random_id() {
  std::array<std::uint8_t, 16> bytes{};
  CHECK(::getrandom(bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()));
  return to_hex(bytes);
}

Result<std::string> canonical_path(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr),
                                                         std::free);
  if (!real) return system_error(errno, "find", path);
  return std::string(real.get());
}

Result<std::string> current_directory() {
  const std::unique_ptr<char, decltype(&std::free)> cwd(::getcwd(nullptr, 0), std::free);
  if (!cwd) return system_error(errno, "find the current folder");
  return std::string(cwd.get());
}

}  // namespace kiln::os
