// SPDX-License-Identifier: Apache-2.0
#include "os/file_io.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cerrno>

#include "os/test_temp_dir.h"

namespace kiln::os {
namespace {

using test::must;
using test::TempDir;

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

TEST(SystemError, KindsAreWhatCallersBranchOn) {
  const std::vector<std::pair<int, ErrorKind>> kinds = {
      {ENOENT, ErrorKind::not_found},   {EEXIST, ErrorKind::already_exists},
      {EACCES, ErrorKind::permission},  {EPERM, ErrorKind::permission},
      {ENOSPC, ErrorKind::no_space},    {EDQUOT, ErrorKind::no_space},
      {ENOSYS, ErrorKind::unsupported}, {EIO, ErrorKind::system}};
  for (const auto& [number, kind] : kinds)
    EXPECT_EQ(system_error(number, "x").kind(), kind) << number;
  EXPECT_EQ(system_error(ENOENT, "open", "/f").message(), "open /f: No such file or directory");
}

TEST(Fd, OwnsItsDescriptor) {
  Pipe pipe = must(create_pipe());
  const Fd moved = std::move(pipe.write_end);
  EXPECT_FALSE(pipe.write_end);
  must(write_all(moved, "hello", "pipe"));
  {
    const Fd copy = must(moved.duplicate());
  }
  must(write_all(moved, "!", "pipe"));
  const int number = Fd(std::move(pipe.read_end)).get();
  EXPECT_FALSE(must(Fd(::open("/dev/null", 0)).duplicate()).get() < 3);
  EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "closed with its owner";
}

TEST(Fd, ReadAllHasALimit) {
  const TempDir top;
  top.write("f", "12345");
  EXPECT_EQ(must(read_file(top.path("f"), 5)), "12345");
  const auto read = read_file(top.path("f"), 4);
  ASSERT_FALSE(read.ok());
  EXPECT_EQ(read.error().kind(), ErrorKind::invalid_input);
}

TEST(FileIo, AtomicWriteReplacesAndLeavesNoOther) {
  const TempDir top;
  top.write("f", "old");
  must(write_file_atomically(top.path("f"), "new"));
  EXPECT_EQ(top.read("f"), "new");
  EXPECT_FALSE(write_file_atomically(top.path("no/such/f"), "x").ok());
  top.make_dir("d/e");
  EXPECT_FALSE(write_file_atomically(top.path("d"), "x").ok());
  EXPECT_EQ(must(top.dir().list()).size(), 2u);
}

TEST(FileIo, EnsureDirectoryMayBeRepeated) {
  const TempDir top;
  must(ensure_directory(top.path("a/b/c")));
  must(ensure_directory(top.path("a/b/c")));
  EXPECT_TRUE(top.exists("a/b/c"));
  top.write("f", "x");
  EXPECT_FALSE(ensure_directory(top.path("f")).ok());
  EXPECT_FALSE(ensure_directory(top.path("f/d")).ok());
}

TEST(FileIo, CreateFailsIfItIsThere) {
  const TempDir top;
  {
    const Fd fd = must(create_file(top.path("f")));
  }
  EXPECT_EQ(create_file(top.path("f")).error().kind(), ErrorKind::already_exists);
  EXPECT_EQ(open_for_reading(top.path("absent")).error().kind(), ErrorKind::not_found);
}

TEST(FileIo, PositionedAccessLeavesThePositionAlone) {
  const TempDir top;
  const Fd fd = must(create_file(top.path("f")));
  must(write_all(fd, "0123456789", "f"));
  must(rewind_file(fd, "f"));
  must(write_at(fd, bytes("XY"), 4, "f"));
  std::byte two[2];
  EXPECT_EQ(must(read_at(fd, two, 9, "f")), 1u);
  EXPECT_EQ(must(read_at(fd, two, 10, "f")), 0u);
  EXPECT_EQ(must(read_all(fd, "f", 100)), "0123XY6789");
  must(resize_file(fd, 3, "f"));
  EXPECT_EQ(top.read("f"), "012");
}

TEST(FileIo, RemoveIsFineWithNothing) {
  const TempDir top;
  top.write("f", "x");
  remove_file(top.path("f"));
  remove_file(top.path("f"));
  EXPECT_FALSE(top.exists("f"));
}

TEST(FileIo, OutputFileAppearsWholeOrNotAtAll) {
  const TempDir top;
  must(write_output_file(top.path("f"), 0600,
                         [](const Fd& fd) { return write_all(fd, "whole", "f"); }));
  EXPECT_EQ(top.read("f"), "whole");
  const auto failed = write_output_file(top.path("f"), 0600, [](const Fd& fd) -> Result<void> {
    (void)write_all(fd, "half", "f").ok();
    return corrupt("broke");
  });
  EXPECT_FALSE(failed.ok());
  EXPECT_EQ(top.read("f"), "whole");
  EXPECT_EQ(must(top.dir().list()).size(), 1u);
}

TEST(FileIo, OutputFileHasNoNameUntilItIsWhole) {
  const TempDir top;
  top.write("f", "before");
  must(write_output_file(top.path("f"), 0640, [&](const Fd& fd) {
    EXPECT_EQ(must(top.dir().list()).size(), 1u);
    return write_all(fd, "after", "f");
  }));
  EXPECT_EQ(top.read("f"), "after");
  EXPECT_EQ(must(top.dir().list()).size(), 1u);
  EXPECT_EQ(must(top.dir().stat("f")).permissions, 0640u);
}

TEST(FileIo, OutputToADeviceIsWrittenAsItIs) {
  must(write_output_file("/dev/null", 0600,
                         [](const Fd& fd) { return write_all(fd, "x", "null"); }));
  struct stat info{};
  ASSERT_EQ(::stat("/dev/null", &info), 0);
  EXPECT_TRUE(S_ISCHR(info.st_mode));
}

}  // namespace
}  // namespace kiln::os
