// SPDX-License-Identifier: Apache-2.0
#include "os/process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "base/strings.h"
#include "os/system.h"

namespace kiln::os {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using ::testing::HasSubstr;

SpawnOptions shell(const std::string& script) {
  SpawnOptions options;
  options.argv = {"/bin/sh", "-c", script};
  return options;
}

Captured capture(SpawnOptions options) {
  auto captured = run_capture(std::move(options), seconds(20));
  EXPECT_TRUE(captured.ok()) << captured.error().message();
  return captured ? *std::move(captured) : Captured{};
}

bool is_alive(int pid) { return ::kill(pid, 0) == 0; }

/// Whether `pid` is gone soon. A process whose parent is gone may stay a zombie until init reaps
/// it.
bool ends_soon(int pid) {
  for (int i = 0; i < 200; ++i) {
    if (!is_alive(pid)) return true;
    auto stat = read_file("/proc/" + std::to_string(pid) + "/stat");
    if (!stat || stat->find(") Z") != std::string::npos) return true;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return false;
}

TEST(Process, ExitCodeAndSignalAreTold) {
  auto process = Process::spawn(shell("exit 7"));
  ASSERT_TRUE(process.ok());
  EXPECT_EQ(*process->wait(), (ExitStatus{.code = 7, .signal = 0}));
  EXPECT_EQ(*process->wait(), (ExitStatus{.code = 7, .signal = 0}));

  process = Process::spawn(shell("kill -TERM $$"));
  ASSERT_TRUE(process.ok());
  const ExitStatus status = *process->wait();
  EXPECT_EQ(status, (ExitStatus{.code = 0, .signal = SIGTERM}));
  EXPECT_EQ(status.shell_code(), 143);
  EXPECT_FALSE(status.success());
}

TEST(Process, PidfdIsReadableAtTheEnd) {
  auto process = Process::spawn(shell("exec sleep 100"));
  ASSERT_TRUE(process.ok());
  pollfd ended{.fd = process->pidfd().get(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 0), 0);
  EXPECT_EQ(*process->wait_for(milliseconds(20)), std::nullopt);
  ASSERT_TRUE(process->kill(SIGKILL).ok());
  EXPECT_EQ(::poll(&ended, 1, 5000), 1);
  EXPECT_EQ((*process->wait_for(seconds(5)))->signal, SIGKILL);
  EXPECT_TRUE(process->kill(SIGKILL).ok()) << "a process that has ended";
}

TEST(Process, DestructorKillsAndReaps) {
  int pid = 0;
  {
    auto process = Process::spawn(shell("exec sleep 100"));
    ASSERT_TRUE(process.ok());
    pid = process->pid();
    EXPECT_TRUE(is_alive(pid));
  }
  EXPECT_FALSE(is_alive(pid));
}

TEST(Process, MissingProgramIsNotFound) {
  SpawnOptions options;
  options.argv = {"no-such-program"};
  auto process = Process::spawn(std::move(options));
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(process.error().message(), "executable file \"no-such-program\" not found in $PATH");

  SpawnOptions by_path;
  by_path.argv = {"/no/such/program"};
  process = Process::spawn(std::move(by_path));
  ASSERT_FALSE(process.ok());
  EXPECT_EQ(process.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(process.error().message(), "run /no/such/program: No such file or directory");

  EXPECT_EQ(Process::spawn({}).error().kind(), ErrorKind::invalid_input);
}

TEST(Process, FailureBeforeTheProgramNamesItsStep) {
  SpawnOptions options = shell("exit 0");
  options.cwd = "/no/such/folder";
  EXPECT_EQ(Process::spawn(std::move(options)).error().message(),
            "change to folder /no/such/folder: No such file or directory");
  SpawnOptions folder;
  folder.argv = {"/"};
  EXPECT_EQ(Process::spawn(std::move(folder)).error().kind(), ErrorKind::permission);
}

TEST(Process, EnvironmentAndFolderAreAsAsked) {
  SpawnOptions options = shell("pwd; echo $A-$HOME");
  options.env = {"A=1"};
  options.cwd = "/usr";
  EXPECT_EQ(capture(std::move(options)).out, "/usr\n1-\n");
}

TEST(Process, OutputOfBothStreamsIsCaptured) {
  const Captured captured = capture(shell("echo out; echo err >&2; cat; exit 3"));
  EXPECT_EQ(captured.status.code, 3);
  EXPECT_EQ(captured.out, "out\n");
  EXPECT_EQ(captured.err, "err\n");
}

TEST(Process, LargeOutputIsNotLost) {
  const Captured captured = capture(shell("head -c 3000000 /dev/zero"));
  EXPECT_EQ(captured.out.size(), 3000000U);
}

TEST(Process, DeadlineKills) {
  const auto start = steady_clock::now();
  const auto captured = run_capture({"sleep", "100"}, milliseconds(50));
  ASSERT_FALSE(captured.ok());
  EXPECT_THAT(captured.error().message(), HasSubstr("sleep did not end within 50 ms"));
  EXPECT_LT(steady_clock::now() - start, seconds(5));
}

TEST(Process, OrphanWithTheStreamOpenIsNotWaitedFor) {
  const auto start = steady_clock::now();
  EXPECT_EQ(capture(shell("sleep 5 & echo now")).out, "now\n");
  EXPECT_LT(steady_clock::now() - start, seconds(4));
}

TEST(Process, DescriptorsLandWhereAskedThoughTheyOverlap) {
  auto a = create_pipe();
  auto b = create_pipe();
  ASSERT_TRUE(a.ok() && b.ok());
  // Each gets the number that the other one has here.
  const int number_a = b->write_end.get();
  const int number_b = a->write_end.get();
  SpawnOptions options =
      shell("echo A >&" + std::to_string(number_a) + "; echo B >&" + std::to_string(number_b));
  options.extra_fds.push_back({std::move(a->write_end), number_a});
  options.extra_fds.push_back({std::move(b->write_end), number_b});
  auto process = Process::spawn(std::move(options));
  ASSERT_TRUE(process.ok());
  EXPECT_TRUE(process->wait()->success());
  EXPECT_EQ(*read_all(a->read_end, "pipe", 100), "A\n");
  EXPECT_EQ(*read_all(b->read_end, "pipe", 100), "B\n");
}

TEST(Process, ChildHasNoOtherDescriptors) {
  auto pipe = create_pipe();
  ASSERT_TRUE(pipe.ok());
  const std::string name = "/proc/self/fd/" + std::to_string(pipe->read_end.get());
  EXPECT_EQ(capture(shell("test -e " + name + " || echo none")).out, "none\n");
}

TEST(Process, SignalsAreDefaultAndUnblockedInTheChild) {
  ::signal(SIGPIPE, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &blocked, &before);
  const std::string status = capture(shell("cat /proc/self/status")).out;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n"));
}

TEST(Process, NewSessionHasItsOwnId) {
  SpawnOptions options = shell("cut -d' ' -f6 /proc/$$/stat; echo $$");
  options.new_session = true;
  const auto lines = capture(std::move(options)).out;
  const auto [session, pid] = split_once(lines, '\n');
  EXPECT_EQ(session, trim(pid.value_or("")));
}

TEST(Process, DiesWithTheThreadThatStartedIt) {
  std::optional<Process> process;
  std::thread([&] {
    SpawnOptions options = shell("exec sleep 100");
    options.die_with_parent = true;
    auto spawned = Process::spawn(std::move(options));
    ASSERT_TRUE(spawned.ok());
    process = *std::move(spawned);
  }).join();
  ASSERT_TRUE(process.has_value());
  const auto status = process->wait_for(seconds(5));
  ASSERT_TRUE(status.ok() && status->has_value());
  EXPECT_EQ((*status)->signal, SIGKILL);
}

TEST(Process, EverythingBelowDiesWithAPidNamespace) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to make a pid namespace";
  auto pipe = create_pipe();
  ASSERT_TRUE(pipe.ok());
  // The helper is killed as kiln might be; what its child left in the background has to go as well.
  const pid_t helper = ::fork();
  if (helper == 0) {
    SpawnOptions options = shell("setsid sleep 4711 & setsid sleep 4711 & echo $$; wait");
    options.die_with_parent = true;
    options.pid_namespace = PidNamespace::own;
    options.out = Stdio::of(std::move(pipe->write_end));
    auto process = Process::spawn(std::move(options));
    if (!process) ::_exit(1);
    ::pause();
  }
  pipe->write_end.reset();
  std::array<std::byte, 16> buffer{};
  const auto n = read_some(pipe->read_end, buffer, "pipe");
  ASSERT_TRUE(n.ok());
  const std::string pid(reinterpret_cast<const char*>(buffer.data()), *n);
  const auto sleepers = [] {
    std::vector<int> pids;
    for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
      const auto command = read_file(entry.path() / "cmdline");
      if (command && *command == std::string("sleep\0004711\0", 11))
        pids.push_back(std::stoi(entry.path().filename()));
    }
    return pids;
  };
  std::vector<int> found;
  for (int i = 0; i < 100 && found.size() < 2; ++i) {
    found = sleepers();
    std::this_thread::sleep_for(milliseconds(10));
  }
  ::kill(helper, SIGKILL);
  ::waitpid(helper, nullptr, 0);
  if (pid != "1\n") GTEST_SKIP() << "no fresh /proc can be mounted here";
  EXPECT_EQ(found.size(), 2U);
  for (const int sleeper : found) EXPECT_TRUE(ends_soon(sleeper));
}

TEST(Process, MountsOfTheChildAreItsOwn) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
  const auto folder = std::filesystem::temp_directory_path() / ("kiln-process-" + random_id());
  std::filesystem::create_directories(folder / "sub");
  SpawnOptions options = shell("ls " + folder.string() + "; touch " + folder.string() + "/x");
  options.mounts.push_back(empty_read_only_tmpfs(folder));
  const Captured captured = capture(std::move(options));
  EXPECT_EQ(captured.out, "");
  EXPECT_THAT(captured.err, HasSubstr("Read-only file system"));
  EXPECT_TRUE(std::filesystem::exists(folder / "sub"));
  std::filesystem::remove_all(folder);
}

TEST(Process, MountFailureNamesTheTarget) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root, to mount";
  SpawnOptions options = shell("exit 0");
  options.mounts.push_back(empty_read_only_tmpfs("/no/such/folder"));
  EXPECT_EQ(Process::spawn(std::move(options)).error().message(),
            "mount on /no/such/folder: No such file or directory");
}

TEST(FindProgram, LooksInPathAndTakesExecutableFilesOnly) {
  EXPECT_THAT(find_program("sh").value_or(""), HasSubstr("/sh"));
  EXPECT_EQ(find_program("/bin/sh"), "/bin/sh");
  EXPECT_EQ(find_program("no-such-program"), std::nullopt);
  EXPECT_EQ(find_program("/etc/passwd"), std::nullopt);
  EXPECT_EQ(find_program("/usr"), std::nullopt);
  EXPECT_EQ(find_program(""), std::nullopt);
}

}  // namespace
}  // namespace kiln::os
