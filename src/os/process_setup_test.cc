// SPDX-License-Identifier: Apache-2.0
#include "os/process_setup.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>

#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

/// The exit status of a child that does `body`; it changes settings of a whole process.
int in_child(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(body());
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool stops_within_seconds(const std::stop_token& token, int seconds) {
  for (int i = 0; i < seconds * 100 && !token.stop_requested(); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  return token.stop_requested();
}

TEST(ProcessSetup, ModesAreWhatTheySay) {
  const test::TempDir top;
  EXPECT_EQ(in_child([&] {
              ::umask(077);
              set_up_process();
              if (!ensure_directory(top.path("d"), 0777).ok()) return 1;
              return test::must(top.dir().stat("d")).permissions == 0777 ? 0 : 2;
            }),
            0);
}

TEST(ProcessSetup, ClosedPipeIsAnErrorAndNotADeath) {
  EXPECT_EQ(in_child([] {
              set_up_process();
              Pipe pipe = test::must(create_pipe());
              pipe.read_end.reset();
              return write_all(pipe.write_end, "x", "pipe").ok() ? 1 : 0;
            }),
            0);
}

TEST(ProcessSetup, AsManyFilesAsAllowed) {
  EXPECT_EQ(in_child([] {
              set_up_process();
              rlimit files{};
              ::getrlimit(RLIMIT_NOFILE, &files);
              return files.rlim_cur == files.rlim_max ? 0 : 1;
            }),
            0);
}

TEST(InterruptWatcher, FirstSignalAsksToStop) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    EXPECT_EQ(in_child([signal] {
                const InterruptWatcher watcher;
                if (watcher.token().stop_requested()) return 2;
                ::kill(::getpid(), signal);
                return stops_within_seconds(watcher.token(), 10) ? 0 : 1;
              }),
              0)
        << signal;
  }
}

TEST(InterruptWatcher, SecondSignalEndsTheProcess) {
  EXPECT_EQ(in_child([] {
              const InterruptWatcher watcher;
              ::kill(::getpid(), SIGINT);
              if (!stops_within_seconds(watcher.token(), 10)) return 1;
              ::kill(::getpid(), SIGINT);
              std::this_thread::sleep_for(std::chrono::seconds(10));
              return 2;
            }),
            130);
}

TEST(InterruptWatcher, EndsAtOnceAndWithoutAskingToStop) {
  EXPECT_EQ(in_child([] {
              const auto begin = std::chrono::steady_clock::now();
              std::stop_token token;
              for (int i = 0; i < 20; ++i) {
                const InterruptWatcher watcher;
                token = watcher.token();
              }
              if (token.stop_requested()) return 1;
              return std::chrono::steady_clock::now() - begin < std::chrono::seconds(2) ? 0 : 2;
            }),
            0);
}

}  // namespace
}  // namespace kiln::os
