// SPDX-License-Identifier: Apache-2.0
#include "os/file_lock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

using test::must;
using test::TempDir;
using Mode = FileLock::Mode;

class FileLockTest : public ::testing::Test {
 protected:
  bool can_take(Mode mode) { return must(FileLock::try_acquire(path_, mode)).has_value(); }
  TempDir top_;
  std::string path_ = top_.path("lock");
};

TEST_F(FileLockTest, ExclusiveExcludesAllSharedOnlyExclusive) {
  {
    const FileLock lock = must(FileLock::acquire(path_, Mode::exclusive));
    EXPECT_FALSE(can_take(Mode::exclusive));
    EXPECT_FALSE(can_take(Mode::shared));
  }
  {
    const FileLock lock = must(FileLock::acquire(path_, Mode::shared));
    EXPECT_FALSE(can_take(Mode::exclusive));
    EXPECT_TRUE(can_take(Mode::shared));
  }
  EXPECT_TRUE(can_take(Mode::exclusive));
}

TEST_F(FileLockTest, MovedLockIsHeldOnce) {
  FileLock first = must(FileLock::acquire(path_, Mode::exclusive));
  {
    const FileLock second = std::move(first);
    EXPECT_FALSE(can_take(Mode::exclusive));
  }
  EXPECT_TRUE(can_take(Mode::exclusive));
}

TEST_F(FileLockTest, WaiterGetsItWhenItIsFree) {
  std::optional<FileLock> lock = must(FileLock::acquire(path_, Mode::exclusive));
  std::atomic<bool> released = false;
  std::thread waiter([&] {
    const FileLock mine = must(FileLock::acquire(path_, Mode::exclusive));
    EXPECT_TRUE(released);
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  released = true;
  lock.reset();
  waiter.join();
}

TEST_F(FileLockTest, WaiterForARemovedFileLocksTheNewOne) {
  std::optional<FileLock> lock = must(FileLock::acquire(path_, Mode::exclusive));
  std::thread waiter([&] {
    const FileLock mine = must(FileLock::acquire(path_, Mode::exclusive));
    EXPECT_TRUE(path_exists(path_));
    EXPECT_FALSE(can_take(Mode::exclusive));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  lock->remove();
  lock.reset();
  waiter.join();
}

TEST_F(FileLockTest, NeverHeldTwiceWhileFilesComeAndGo) {
  std::atomic<int> holders = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 50; ++i) {
        FileLock lock = must(FileLock::acquire(path_, Mode::exclusive));
        EXPECT_EQ(++holders, 1);
        --holders;
        lock.remove();
      }
    });
  }
  for (auto& thread : threads) thread.join();
}

TEST_F(FileLockTest, FolderThatIsNotThereIsNotFound) {
  EXPECT_EQ(FileLock::acquire(top_.path("no/lock"), Mode::shared).error().kind(),
            ErrorKind::not_found);
}

}  // namespace
}  // namespace kiln::os
