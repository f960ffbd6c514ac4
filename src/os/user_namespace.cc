// SPDX-License-Identifier: Apache-2.0
#include "os/user_namespace.h"

#include <fcntl.h>
#include <pwd.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <limits>

#include "base/strings.h"
#include "os/fd.h"
#include "os/process.h"

namespace kiln::os {
namespace {

std::string sysctl(const std::string& name) {
  auto text = read_file("/proc/sys/" + name);
  return text ? std::string(trim(*text)) : std::string();
}

std::string user_namespace_hint() {
  if (sysctl("kernel/unprivileged_userns_clone") == "0")
    return "allow user namespaces: sudo sysctl -w kernel.unprivileged_userns_clone=1";
  if (sysctl("user/max_user_namespaces") == "0")
    return "allow user namespaces: sudo sysctl -w user.max_user_namespaces=15000";
  if (sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1")
    return "AppArmor restricts user namespaces; allow them: "
           "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
  return "user namespaces are refused here, perhaps by a container's seccomp profile; "
         "run as root, or allow unshare(2) with CLONE_NEWUSER";
}

std::string subordinate_ids_hint(const std::string& user) {
  return "add a line `" + user +
         ":100000:65536` to /etc/subuid and /etc/subgid, or: sudo usermod --add-subuids "
         "100000-165535 --add-subgids 100000-165535 " +
         user;
}

Error forbidden(int error_number, std::string_view operation) {
  Error cause = system_error(error_number, operation);
  return Error(ErrorKind::permission, cause.message()).with_hint(user_namespace_hint());
}

/// The number of ids that exist in this user namespace, from /proc/self/uid_map.
std::uint64_t count_mapped_ids() {
  auto text = read_file("/proc/self/uid_map");
  if (!text) return 0;
  std::uint64_t total = 0;
  for (const std::string_view line : split(*text, '\n')) {
    const auto blank = line.find_last_of(' ');
    if (blank == std::string_view::npos) continue;
    total += parse_uint(line.substr(blank + 1)).value_or(0);
  }
  return total;
}

Result<void> keep_mounts_private() {
  // Slave, not private: what the host unmounts later has to vanish here too, or it stays busy.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0)
    return forbidden(errno, "keep mounts private");
  return {};
}

std::string user_name(uid_t uid) {
  std::array<char, 16384> buffer{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found) == 0 && found != nullptr)
    return found->pw_name;
  return std::to_string(uid);
}

/// newuidmap or newgidmap, forked before this process enters the new namespace (they have to run
/// outside of it) and waiting there for the word to begin.
class MapHelper {
 public:
  static Result<MapHelper> start(const std::string& program, const std::vector<std::string>& map) {
    auto path = find_program(program);
    if (!path) {
      return Error(ErrorKind::unsupported, program + " is not installed")
          .with_hint("install the package uidmap (shadow-utils on Fedora)");
    }
    MapHelper helper;
    helper.program_ = program;
    Pipe go = TRY(create_pipe());
    Pipe errors = TRY(create_pipe());
    std::vector<std::string> arguments{*path, std::to_string(::getpid())};
    arguments.insert(arguments.end(), map.begin(), map.end());
    std::vector<char*> argv;
    argv.reserve(arguments.size() + 1);
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);

    helper.pid_ = ::fork();
    if (helper.pid_ < 0) return system_error(errno, "create a process");
    if (helper.pid_ == 0) {
      // Without the parent's word, at its death, there is nothing to do.
      go.write_end.reset();
      char word = 0;
      if (::read(go.read_end.get(), &word, 1) != 1) ::_exit(1);
      ::dup2(errors.write_end.get(), STDERR_FILENO);
      ::execv(argv[0], argv.data());
      ::_exit(127);
    }
    helper.go_ = std::move(go.write_end);
    helper.errors_ = std::move(errors.read_end);
    return helper;
  }

  MapHelper(MapHelper&& other) noexcept
      : program_(std::move(other.program_)),
        pid_(std::exchange(other.pid_, -1)),
        go_(std::move(other.go_)),
        errors_(std::move(other.errors_)) {}
  MapHelper& operator=(MapHelper&&) = delete;
  ~MapHelper() {
    go_.reset();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }

  Result<void> begin() { return write_all(go_, "g", program_); }

  Result<void> wait() {
    const std::string output = TRY(read_all(errors_, program_, std::size_t{64} << 10));
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0)
      if (errno != EINTR) return system_error(errno, "wait for", program_);
    pid_ = -1;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return {};
    std::string message = program_ + " failed";
    if (!output.empty()) message.append(": ").append(trim(output));
    return Error(ErrorKind::permission, std::move(message))
        .with_hint("check that " + program_ +
                   " is setuid root and that the user's lines in /etc/subuid and /etc/subgid are "
                   "right");
  }

 private:
  MapHelper() = default;
  std::string program_;
  pid_t pid_ = -1;
  Fd go_;
  Fd errors_;
};

Result<std::vector<IdRange>> read_subordinate_ids(const std::string& path, const std::string& name,
                                                  std::uint32_t user, std::uint32_t own_id) {
  const auto text = read_file(path);
  std::vector<IdRange> ranges;
  if (text) ranges = subordinate_ids(*text, name, user, own_id);
  if (ranges.empty()) {
    return Error(ErrorKind::unsupported, "user " + name + " has no subordinate ids in " + path)
        .with_hint(subordinate_ids_hint(name));
  }
  return ranges;
}

Result<Privilege> enter_as_user() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  const std::string name = user_name(user);
  const auto uids = TRY(read_subordinate_ids("/etc/subuid", name, user, user));
  const auto gids = TRY(read_subordinate_ids("/etc/subgid", name, user, group));
  MapHelper uid_helper = TRY(MapHelper::start("newuidmap", id_map_arguments(user, uids)));
  MapHelper gid_helper = TRY(MapHelper::start("newgidmap", id_map_arguments(group, gids)));

  if (::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0)
    return forbidden(errno, "create a user namespace");
  TRY(uid_helper.begin());
  TRY(gid_helper.begin());
  TRY(uid_helper.wait());
  TRY(gid_helper.wait());
  if (::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    return forbidden(errno, "become root of the user namespace");
  TRY(keep_mounts_private());

  Privilege privilege{.kind = Privilege::Kind::user_namespace, .user = user, .mapped_ids = 1};
  for (const IdRange& range : uids) privilege.mapped_ids += range.count;
  return privilege;
}

}  // namespace

std::vector<IdRange> subordinate_ids(std::string_view text, std::string_view user_name,
                                     std::uint32_t user, std::uint32_t own_id) {
  std::vector<IdRange> ranges;
  const std::string number = std::to_string(user);
  const std::uint64_t end_of_ids = std::numeric_limits<std::uint32_t>::max();
  for (const std::string_view line : split(text, '\n')) {
    const auto fields = split(trim(line), ':');
    if (fields.size() != 3 || (fields[0] != user_name && fields[0] != number)) continue;
    const auto first = parse_uint(fields[1]);
    const auto count = parse_uint(fields[2]);
    if (!first || !count || *count == 0 || *first >= end_of_ids || *count > end_of_ids - *first)
      continue;
    const auto overlaps = [&](std::uint64_t other, std::uint64_t other_count) {
      return *first < other + other_count && other < *first + *count;
    };
    const bool taken =
        overlaps(own_id, 1) || std::any_of(ranges.begin(), ranges.end(), [&](const IdRange& range) {
          return overlaps(range.first, range.count);
        });
    if (!taken)
      ranges.push_back({static_cast<std::uint32_t>(*first), static_cast<std::uint32_t>(*count)});
  }
  return ranges;
}

std::vector<std::string> id_map_arguments(std::uint32_t own_id,
                                          const std::vector<IdRange>& ranges) {
  std::vector<std::string> arguments{"0", std::to_string(own_id), "1"};
  std::uint64_t next = 1;
  for (const IdRange& range : ranges) {
    // Ids inside end where the type does.
    const std::uint64_t room = std::numeric_limits<std::uint32_t>::max() - next;
    const std::uint64_t count = std::min<std::uint64_t>(range.count, room);
    if (count == 0) break;
    arguments.push_back(std::to_string(next));
    arguments.push_back(std::to_string(range.first));
    arguments.push_back(std::to_string(count));
    next += count;
  }
  return arguments;
}

Result<Privilege> enter_user_namespace() {
  if (::geteuid() != 0) return enter_as_user();
  if (::unshare(CLONE_NEWNS) != 0) {
    if (errno != EPERM) return system_error(errno, "create a mount namespace");
    // Root of a container without CAP_SYS_ADMIN is an ordinary user to the kernel.
    return enter_as_user();
  }
  TRY(keep_mounts_private());
  return Privilege{.kind = Privilege::Kind::root, .user = 0, .mapped_ids = count_mapped_ids()};
}

}  // namespace kiln::os
