// SPDX-License-Identifier: Apache-2.0
#include "executor/oci_executor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "base/strings.h"
#include "executor/seccomp.h"
#include "os/dir.h"
#include "os/mount.h"
#include "os/relay.h"
#include "os/system.h"
#include "os/terminal.h"
#include "os/user_namespace.h"

namespace kiln::executor {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
namespace fs = std::filesystem;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// What the first test found out about this process and machine.
std::string reason_to_skip() {
  static const std::string reason = [] {
    if (!os::find_program("crun")) return std::string("crun is not installed");
    if (!os::find_program("busybox")) return std::string("busybox is not installed");
    auto privilege = os::enter_user_namespace();
    return privilege ? std::string() : privilege.error().message();
  }();
  return reason;
}

struct Outcome {
  Result<os::ExitStatus> status = os::ExitStatus{};
  std::string out;
  std::string err;
};

/// An image with busybox and little else, mounted as a build step's root file system.
class OciExecutorTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!reason_to_skip().empty()) GTEST_SKIP() << reason_to_skip();
    top_ = fs::temp_directory_path() / ("kiln-executor-" + os::random_id());
    for (const char* name : {"lower/bin", "lower/tmp", "upper", "work", "rootfs", "executor"})
      fs::create_directories(top_ / name);
    const std::string busybox = *os::find_program("busybox");
    fs::copy_file(busybox, top_ / "lower/bin/busybox");
    for (const char* applet :
         {"sh", "cat", "ls", "id", "pwd", "env", "sleep", "grep", "stat", "tty", "stty", "true",
          "touch", "mkdir", "hostname", "mount", "wc", "rm"})
      fs::create_symlink("busybox", top_ / "lower/bin" / applet);
    fs::permissions(top_ / "lower/tmp", fs::perms(01777));
    // Long ago, so that a changed time is seen.
    for (const char* name : {"lower", "lower/bin", "lower/tmp"})
      fs::last_write_time(top_ / name, fs::file_time_type(std::chrono::hours(1)));
  }
  void TearDown() override {
    mount_.reset();
    std::error_code ignored;
    if (!top_.empty()) fs::remove_all(top_, ignored);
  }

  /// All that a run needs, in the image itself.
  void create_mount_points() {
    for (const char* name : {"dev", "proc", "sys", "etc"})
      fs::create_directories(top_ / "lower" / name);
    std::ofstream(top_ / "lower/etc/hosts");
    std::ofstream(top_ / "lower/etc/resolv.conf");
  }

  void mount_rootfs() {
    auto lower = os::Dir::open(top_ / "lower");
    auto upper = os::Dir::open(top_ / "upper");
    auto work = os::Dir::open(top_ / "work");
    ASSERT_TRUE(lower.ok() && upper.ok() && work.ok());
    auto mount = os::Mount::overlay({&*lower}, &*upper, &*work, top_ / "rootfs");
    ASSERT_TRUE(mount.ok()) << mount.error().message();
    mount_ = *std::move(mount);
  }

  ExecSpec spec(std::vector<std::string> argv) const {
    ExecSpec spec;
    spec.rootfs = top_ / "rootfs";
    spec.argv = std::move(argv);
    spec.env = {"PATH=/usr/bin:/bin"};
    return spec;
  }
  ExecSpec shell(const std::string& script) const { return spec({"/bin/sh", "-c", script}); }

  Outcome run(const ExecSpec& wanted, std::stop_token stop = {}, os::Fd input = {}) {
    if (mount_.target().empty()) mount_rootfs();
    Outcome outcome;
    ExecIo io;
    io.input = std::move(input);
    io.output = [&](OutputStream stream, std::string_view bytes) {
      (stream == OutputStream::out ? outcome.out : outcome.err).append(bytes);
    };
    outcome.status = executor().run(wanted, io, std::move(stop));
    return outcome;
  }
  /// The output of a script that must succeed.
  std::string output_of(const ExecSpec& wanted) {
    Outcome outcome = run(wanted);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status.error().message();
    if (outcome.status.ok()) {
      EXPECT_EQ(outcome.status->code, 0) << outcome.err;
    }
    return outcome.out;
  }

  OciExecutor& executor() {
    if (!executor_) executor_.emplace(OciExecutorOptions{.work_dir = top_ / "executor"});
    return *executor_;
  }

  /// Paths in the layer that the runs made, sorted.
  std::vector<std::string> layer() const {
    std::vector<std::string> paths;
    for (const auto& entry : fs::recursive_directory_iterator(top_ / "upper"))
      paths.push_back(entry.path().lexically_relative(top_ / "upper"));
    std::sort(paths.begin(), paths.end());
    return paths;
  }

  fs::path top_;
  os::Mount mount_;
  std::optional<OciExecutor> executor_;
};

TEST_F(OciExecutorTest, ExitStatusIsTheProcesss) {
  for (const int code : {0, 1, 42, 125, 126, 127, 255}) {
    Outcome outcome = run(shell("exit " + std::to_string(code)));
    ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message();
    EXPECT_EQ(outcome.status->shell_code(), code);
  }
}

TEST_F(OciExecutorTest, DeathBySignalIs128AndItsNumber) {
  Outcome outcome = run(shell("sh -c 'kill -9 $$'; exit $?"));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message();
  EXPECT_EQ(outcome.status->shell_code(), 137);
}

TEST_F(OciExecutorTest, BothStreamsArriveCompletely) {
  Outcome outcome =
      run(shell("i=0; while [ $i -lt 20000 ]; do echo out $i; i=$((i+1)); done;"
                "echo oops >&2"));
  ASSERT_TRUE(outcome.status.ok());
  EXPECT_EQ(std::count(outcome.out.begin(), outcome.out.end(), '\n'), 20000);
  EXPECT_TRUE(outcome.out.ends_with("out 19999\n"));
  EXPECT_EQ(outcome.err, "oops\n");
}

TEST_F(OciExecutorTest, FirstWordsOnStderrAreNotHeldBack) {
  if (mount_.target().empty()) mount_rootfs();
  const auto start = steady_clock::now();
  milliseconds first{};
  ExecIo io;
  io.output = [&](OutputStream, std::string_view) {
    if (first.count() == 0)
      first = std::chrono::duration_cast<milliseconds>(steady_clock::now() - start);
  };
  auto status = executor().run(shell("echo hello >&2; sleep 1"), io, {});
  ASSERT_TRUE(status.ok());
  EXPECT_LT(first.count(), 900);
}

TEST_F(OciExecutorTest, InputIsDevNullOrWhatIsGiven) {
  EXPECT_EQ(output_of(shell("cat | wc -c")), "0\n");
  auto pipe = os::create_pipe();
  ASSERT_TRUE(pipe.ok());
  ASSERT_TRUE(os::write_all(pipe->write_end, "given\n", "pipe").ok());
  pipe->write_end.reset();
  EXPECT_EQ(run(spec({"cat"}), {}, std::move(pipe->read_end)).out, "given\n");
}

TEST_F(OciExecutorTest, EnvironmentFolderUserAndHostname) {
  ExecSpec wanted = shell("echo $A $B; pwd; id -u; id -g; id -G; hostname");
  wanted.env.insert(wanted.env.end(), {"A=1", "B=two words"});
  wanted.cwd = "/tmp";
  wanted.uid = 1000;
  wanted.gid = 1001;
  wanted.additional_gids = {10, 20};
  wanted.hostname = "buildhost";
  EXPECT_EQ(output_of(wanted), "1 two words\n/tmp\n1000\n1001\n1001 10 20\nbuildhost\n");
}

TEST_F(OciExecutorTest, RootHasDockersCapabilities) {
  const std::string status = output_of(spec({"cat", "/proc/self/status"}));
  EXPECT_THAT(status, HasSubstr("CapInh:\t0000000000000000\nCapPrm:\t00000000a80425fb\n"
                                "CapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\n"
                                "CapAmb:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t2\n"));
}

TEST_F(OciExecutorTest, OtherUsersHaveNone) {
  ExecSpec wanted = spec({"cat", "/proc/self/status"});
  wanted.uid = 1000;
  EXPECT_THAT(output_of(wanted), HasSubstr("CapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n"
                                           "CapBnd:\t00000000a80425fb\n"));
}

TEST_F(OciExecutorTest, BuiltInSeccompProfileRunsPrograms) {
  std::ofstream(top_ / "profile.json") << builtin_seccomp_profile();
  executor_.emplace(
      OciExecutorOptions{.work_dir = top_ / "executor", .seccomp_profile = top_ / "profile.json"});
  EXPECT_EQ(output_of(shell("mkdir /x && (echo a | cat) && rm -r /x && ls /x || echo gone")),
            "a\ngone\n");
}

TEST_F(OciExecutorTest, GivenSeccompProfileIsUsed) {
  std::ofstream(top_ / "profile.json") << "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{"
                                          "\"names\":[\"mkdir\",\"mkdirat\"],"
                                          "\"action\":\"SCMP_ACT_ERRNO\",\"errnoRet\":28}]}";
  executor_.emplace(
      OciExecutorOptions{.work_dir = top_ / "executor", .seccomp_profile = top_ / "profile.json"});
  Outcome outcome = run(shell("mkdir /x"));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message();
  EXPECT_THAT(outcome.err, HasSubstr("No space left on device"));
}

TEST_F(OciExecutorTest, MountsAreForbidden) {
  EXPECT_NE(run(shell("mount -t tmpfs none /tmp")).status->code, 0);
  EXPECT_NE(run(shell("echo 1 > /proc/sys/vm/drop_caches")).status->code, 0);
  EXPECT_EQ(output_of(shell("cat /proc/keys; ls /sys/firmware")), "");
}

TEST_F(OciExecutorTest, NetworkNoneHasLoopbackOnly) {
  ExecSpec wanted = spec({"ls", "/sys/class/net"});
  wanted.network = Network::none;
  EXPECT_EQ(output_of(wanted), "lo\n");
}

TEST_F(OciExecutorTest, HostsFileHasLocalhostAndExtraHosts) {
  ExecSpec wanted = spec({"cat", "/etc/hosts"});
  wanted.extra_hosts = {{"db", "10.0.0.7"}};
  EXPECT_EQ(output_of(wanted),
            "127.0.0.1\tlocalhost kiln\n::1\tlocalhost ip6-localhost ip6-loopback\n10.0.0.7\tdb\n");
}

TEST_F(OciExecutorTest, ContainersGetAHostnameFileAndMayWriteToHosts) {
  ExecSpec wanted = shell("echo 10.0.0.1 x >> /etc/hosts && cat /etc/hostname");
  wanted.network_files = NetworkFiles::container;
  wanted.hostname = "web";
  EXPECT_EQ(output_of(wanted), "web\n");
}

TEST_F(OciExecutorTest, OnlyTheStandardMountPointsStayInTheLayer) {
  fs::create_directory(top_ / "volume");
  ExecSpec wanted = spec({"true"});
  wanted.mounts = {BindMount{.source = top_ / "volume", .target = "/a/b/c"},
                   TmpfsMount{.target = "/bin/t"}};
  EXPECT_EQ(output_of(wanted), "");
  EXPECT_THAT(layer(), ::testing::ElementsAre("bin", "dev", "proc", "sys"));
  EXPECT_EQ(fs::last_write_time(top_ / "upper/bin"), fs::file_time_type(std::chrono::hours(1)));
}

TEST_F(OciExecutorTest, NothingStaysWhereTheMountPointsWereThere) {
  create_mount_points();
  EXPECT_EQ(output_of(spec({"true"})), "");
  EXPECT_THAT(layer(), ::testing::IsEmpty());
}

TEST_F(OciExecutorTest, WhatAStepPutsBesideAMountPointStays) {
  EXPECT_EQ(output_of(shell("echo mine > /etc/mine")), "");
  EXPECT_THAT(layer(), ::testing::ElementsAre("dev", "etc", "etc/mine", "proc", "sys"));
}

TEST_F(OciExecutorTest, LinksToMissingFilesAreMountedOverAndLeaveNoTrace) {
  fs::create_directory(top_ / "lower/etc");
  fs::create_symlink("../run/resolved/resolv.conf", top_ / "lower/etc/resolv.conf");
  fs::create_symlink("/../../run/hosts", top_ / "lower/etc/hosts");
  EXPECT_THAT(output_of(spec({"cat", "/etc/hosts"})), HasSubstr("localhost"));
  EXPECT_THAT(layer(), ::testing::ElementsAre("dev", "proc", "sys"));
  EXPECT_FALSE(fs::exists(top_ / "run"));
}

TEST_F(OciExecutorTest, BindMountsAreSeenAndReadOnlyOnesKept) {
  fs::create_directory(top_ / "volume");
  std::ofstream(top_ / "volume/file") << "data\n";
  ExecSpec wanted = shell("cat /v/file /f; touch /w/new; touch /v/new 2>/dev/null || echo refused");
  wanted.mounts = {BindMount{.source = top_ / "volume", .target = "/v", .read_only = true},
                   BindMount{.source = top_ / "volume", .target = "/w"},
                   BindMount{.source = top_ / "volume/file", .target = "/f"}};
  EXPECT_EQ(output_of(wanted), "data\ndata\nrefused\n");
  EXPECT_TRUE(fs::exists(top_ / "volume/new"));
}

TEST_F(OciExecutorTest, TmpfsHasItsSizeAndMode) {
  ExecSpec wanted = shell("stat -c %a /t; grep ' /t ' /proc/mounts");
  wanted.mounts = {TmpfsMount{.target = "/t", .size = 1 << 20, .mode = 0700}};
  EXPECT_THAT(output_of(wanted), AllOf(HasSubstr("700\n"), HasSubstr("size=1024k")));
}

TEST_F(OciExecutorTest, ReadOnlyRootRefusesWrites) {
  ExecSpec wanted = shell("touch /x || touch /dev/shm/x");
  wanted.read_only_rootfs = true;
  Outcome outcome = run(wanted);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status.error().message();
  EXPECT_EQ(outcome.status->code, 0);
  EXPECT_THAT(outcome.err, HasSubstr("Read-only file system"));
}

TEST_F(OciExecutorTest, MissingProgramIs127InDockersWords) {
  Outcome outcome = run(spec({"foo"}));
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().kind(), ErrorKind::not_found);
  EXPECT_EQ(outcome.status.error().exit_code(), 127);
  EXPECT_EQ(outcome.status.error().message(), "exec: \"foo\": executable file not found in $PATH");
  EXPECT_EQ(outcome.out + outcome.err, "");

  EXPECT_EQ(run(spec({"/no/foo"})).status.error().message(),
            "exec: \"/no/foo\": stat /no/foo: no such file or directory");
  EXPECT_EQ(run(spec({""})).status.error().exit_code(), 127);
}

TEST_F(OciExecutorTest, WhatCannotBeExecutedIs126) {
  std::ofstream(top_ / "lower/plain") << "text";
  Outcome outcome = run(spec({"/plain"}));
  ASSERT_FALSE(outcome.status.ok());
  EXPECT_EQ(outcome.status.error().exit_code(), 126);
  EXPECT_EQ(outcome.status.error().message(), "exec: \"/plain\": permission denied");
  EXPECT_EQ(run(spec({"/bin"})).status.error().exit_code(), 126);
}

TEST_F(OciExecutorTest, FileWithoutFormatFailsAsInDocker) {
  std::ofstream(top_ / "lower/text") << "text\n";
  fs::permissions(top_ / "lower/text", fs::perms(0755));
  Outcome outcome = run(spec({"/text"}));
  ASSERT_FALSE(outcome.status.ok()) << outcome.status->code << outcome.err;
  EXPECT_EQ(outcome.status.error().exit_code(), 255);
  EXPECT_EQ(outcome.status.error().message(), "exec /text: exec format error");
  EXPECT_EQ(outcome.err, "");
}

TEST_F(OciExecutorTest, ErrorsOfTheMachineAre125) {
  ExecSpec wanted = spec({"true"});
  wanted.mounts = {BindMount{.source = top_ / "absent", .target = "/v"}};
  EXPECT_EQ(run(wanted).status.error().kind(), ErrorKind::not_found);
  EXPECT_THAT(run(wanted).status.error().message(), HasSubstr("bind source path does not exist: "));
}

TEST_F(OciExecutorTest, StopEndsEverythingWithinASecond) {
  for (const char* script : {"sleep 987.5", "trap '' TERM; while true; do sleep 987.5; done"}) {
    std::stop_source source;
    const auto start = steady_clock::now();
    std::jthread stopper([&] {
      std::this_thread::sleep_for(milliseconds(300));
      source.request_stop();
    });
    Outcome outcome = run(shell(script), source.get_token());
    ASSERT_FALSE(outcome.status.ok());
    EXPECT_EQ(outcome.status.error().kind(), ErrorKind::cancelled);
    EXPECT_LT(steady_clock::now() - start, milliseconds(1300));
  }
  for (const auto& entry : fs::directory_iterator("/proc")) {
    auto command = os::read_file(entry.path() / "cmdline");
    EXPECT_THAT(command.ok() ? *command : std::string(), Not(HasSubstr("987.5")));
  }
  EXPECT_TRUE(fs::is_empty(top_ / "executor/state") ||
              fs::directory_iterator(top_ / "executor/state")->path().filename() == ".cache");
}

TEST_F(OciExecutorTest, BackgroundProcessDoesNotKeepARun) {
  const auto start = steady_clock::now();
  EXPECT_EQ(output_of(shell("sleep 20 & echo done")), "done\n");
  EXPECT_LT(steady_clock::now() - start, std::chrono::seconds(5));
}

TEST_F(OciExecutorTest, ManyThreadsRunAtOnce) {
  create_mount_points();
  mount_rootfs();
  OciExecutor& shared = executor();
  std::vector<std::jthread> threads;
  std::atomic<int> succeeded = 0;
  for (int i = 0; i < 6; ++i) {
    threads.emplace_back([&, i] {
      ExecIo io;
      std::string out;
      io.output = [&](OutputStream, std::string_view bytes) { out.append(bytes); };
      auto status = shared.run(shell("echo " + std::to_string(i)), io, {});
      EXPECT_TRUE(status.ok()) << status.error().message();
      if (status.ok() && status->success() && out == std::to_string(i) + "\n") ++succeeded;
    });
  }
  threads.clear();
  EXPECT_EQ(succeeded, 6);
}

TEST_F(OciExecutorTest, TerminalIsTheProcesssOwnAndFollowsOurs) {
  mount_rootfs();
  auto pair = os::create_terminal({.rows = 33, .columns = 77});
  ASSERT_TRUE(pair.ok()) << pair.error().message();
  ExecSpec wanted = shell("tty; stty size; read line; stty size; echo got $line; exit 3");
  wanted.terminal = true;
  ExecIo io;
  io.input = *pair->slave.duplicate();
  io.terminal = *pair->slave.duplicate();
  std::string out;
  bool resized = false;
  std::jthread typist;
  io.output = [&](OutputStream stream, std::string_view bytes) {
    EXPECT_EQ(stream, OutputStream::out);
    out.append(bytes);
    if (resized || out.find("33 77") == std::string::npos) return;
    resized = true;
    ASSERT_TRUE(os::set_terminal_size(pair->master, {.rows = 40, .columns = 100}).ok());
    // The terminal isn't this process's controlling one, so the kernel sends no signal.
    ::raise(SIGWINCH);
    typist = std::jthread([&] {
      std::this_thread::sleep_for(milliseconds(100));
      EXPECT_TRUE(os::write_all(pair->master, "hello\r", "terminal").ok());
    });
  };
  auto status = executor().run(wanted, io, {});
  ASSERT_TRUE(status.ok()) << status.error().message();
  EXPECT_EQ(status->code, 3);
  EXPECT_EQ(out, "/dev/pts/0\r\n33 77\r\nhello\r\n40 100\r\ngot hello\r\n");
}

TEST_F(OciExecutorTest, TerminalNeedsNeitherInputNorOurs) {
  ExecSpec wanted = shell("test -t 0 && test -t 1 && test -t 2 && echo yes");
  wanted.terminal = true;
  EXPECT_EQ(output_of(wanted), "yes\r\n");
  wanted.argv = {"foo"};
  EXPECT_EQ(run(wanted).status.error().exit_code(), 127);
}

}  // namespace
}  // namespace kiln::executor
