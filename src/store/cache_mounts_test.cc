// SPDX-License-Identifier: Apache-2.0
#include "store/cache_mounts.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <thread>

#include "os/test_temp_dir.h"
#include "store/store.h"

namespace kiln::store {
namespace {

class CacheMountsTest : public ::testing::Test {
 protected:
  CacheMountsTest() : store(Store::open(temp.path() + "/store").value()) {}
  CacheMountRequest request(CacheMountUse use, const std::string& id = "a") {
    CacheMountRequest out;
    out.id = id;
    out.use = use;
    return out;
  }
  CacheMountLease acquire(const CacheMountRequest& wanted) {
    return store.cache_mounts().acquire(wanted, {}).value();
  }
  os::test::TempDir temp;
  Store store;
};

TEST_F(CacheMountsTest, IsTheSameDirectoryNextTime) {
  std::string path;
  {
    const auto lease = acquire(request(CacheMountUse::shared));
    path = lease.path();
    std::ofstream(path + "/f") << "x";
  }
  const auto lease = acquire(request(CacheMountUse::locked));
  EXPECT_EQ(lease.path(), path);
  EXPECT_TRUE(std::filesystem::exists(path + "/f"));
}

TEST_F(CacheMountsTest, SharedIsOneDirectoryForAll) {
  const auto one = acquire(request(CacheMountUse::shared));
  const auto two = acquire(request(CacheMountUse::shared));
  EXPECT_EQ(one.path(), two.path());
}

TEST_F(CacheMountsTest, PrivateInUseMakesAnother) {
  std::string second;
  {
    const auto one = acquire(request(CacheMountUse::private_copy));
    const auto two = acquire(request(CacheMountUse::private_copy));
    second = two.path();
    EXPECT_NE(one.path(), two.path());
  }
  const auto again = acquire(request(CacheMountUse::private_copy));
  EXPECT_NE(again.path(), second);
  EXPECT_EQ(store.cache_mounts().list().value().size(), 2u);
}

TEST_F(CacheMountsTest, LockedWaitsForWhoeverUsesIt) {
  auto holder = std::make_optional(acquire(request(CacheMountUse::shared)));
  std::atomic<bool> had = false;
  std::jthread waiter([&] {
    const auto lease = acquire(request(CacheMountUse::locked));
    had = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(150));
  EXPECT_FALSE(had);
  holder.reset();
  waiter.join();
  EXPECT_TRUE(had);
  EXPECT_EQ(store.cache_mounts().list().value().size(), 1u);
}

TEST_F(CacheMountsTest, WaitingEndsWhenItIsCancelled) {
  const auto holder = acquire(request(CacheMountUse::locked));
  std::stop_source stop;
  stop.request_stop();
  const auto lease = store.cache_mounts().acquire(request(CacheMountUse::locked), stop.get_token());
  ASSERT_FALSE(lease.ok());
  EXPECT_EQ(lease.error().kind(), ErrorKind::cancelled);
}

TEST_F(CacheMountsTest, IdsAndVariantsAreDirectoriesOfTheirOwn) {
  const auto a = acquire(request(CacheMountUse::shared, "a"));
  const auto b = acquire(request(CacheMountUse::shared, "b"));
  auto owned = request(CacheMountUse::shared, "a");
  owned.variant = "5:5:700";
  const auto c = acquire(owned);
  EXPECT_NE(a.path(), b.path());
  EXPECT_NE(a.path(), c.path());
}

TEST_F(CacheMountsTest, AFillThatFailsLeavesNothing) {
  auto wanted = request(CacheMountUse::shared);
  wanted.fill = [](const std::string&) -> Result<void> { return not_found("no files"); };
  EXPECT_FALSE(store.cache_mounts().acquire(wanted, {}).ok());
  EXPECT_TRUE(store.cache_mounts().list().value().empty());
}

}  // namespace
}  // namespace kiln::store
