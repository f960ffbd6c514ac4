// SPDX-License-Identifier: Apache-2.0
#include "executor/runtime_error.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kiln::executor {
namespace {

struct Case {
  const char* message;
  const char* program;
  int exit_code;
  const char* expected;
};

TEST(RuntimeError, MessagesBecomeDockers) {
  const Case cases[] = {
      {"executable file `foo` not found in $PATH: No such file or directory", "foo", 127,
       "exec: \"foo\": executable file not found in $PATH"},
      {"executable file `./foo` not found in $PATH: No such file or directory", "./foo", 127,
       "exec: \"./foo\": stat ./foo: no such file or directory"},
      {"open executable: Not a directory", "/etc/passwd/x", 127,
       "exec: \"/etc/passwd/x\": stat /etc/passwd/x: not a directory"},
      {"open executable: Permission denied", "/etc/passwd", 126,
       "exec: \"/etc/passwd\": permission denied"},
      {"open executable: Operation not permitted", "/etc", 126,
       "exec: \"/etc\": is a directory: permission denied"},
      {"exec container process `/x`: Exec format error", "/x", 255, "exec /x: exec format error"},
      {"exec container process (missing dynamic library?) `/x`: No such file or directory", "/x",
       255, "exec /x: no such file or directory"},
      {"runc run failed: unable to start container process: error during container init: exec: "
       "\"foo\": executable file not found in $PATH",
       "foo", 127, "exec: \"foo\": executable file not found in $PATH"},
      {"runc run failed: exec: \"/etc\": is a directory: permission denied", "/etc", 126,
       "exec: \"/etc\": is a directory: permission denied"},
      {"mount `x` to `y`: Invalid argument", "sh", 125, "crun: mount `x` to `y`: Invalid argument"},
  };
  for (const Case& one : cases) {
    const Error error = runtime_failure("crun", one.message, one.program);
    EXPECT_EQ(error.message(), one.expected);
    EXPECT_EQ(error.exit_code(), one.exit_code) << one.message;
  }
}

TEST(RuntimeError, MaskedProcHasAHint) {
  EXPECT_THAT(
      runtime_failure("crun", "mount `proc` to `proc`: Operation not permitted", "sh").hint(),
      ::testing::HasSubstr("systempaths=unconfined"));
}

TEST(RuntimeError, FullDiskIsNamed) {
  for (const char* message : {"write to seccomp fd", "mkdir `/x`: No space left on device"}) {
    const Error error = runtime_failure("crun", message, "sh");
    EXPECT_EQ(error.kind(), ErrorKind::no_space);
    EXPECT_THAT(error.message(), ::testing::HasSubstr("No space left on device"));
    EXPECT_EQ(error.exit_code(), 125);
  }
}

TEST(RuntimeError, LogsLastErrorCounts) {
  EXPECT_EQ(last_error_in_log(""), std::nullopt);
  EXPECT_EQ(last_error_in_log("{\"msg\":\"careful\",\"level\":\"warning\"}\n"), std::nullopt);
  EXPECT_EQ(
      last_error_in_log("no JSON\n{\"msg\":\"a\",\"level\":\"error\",\"time\":\"t\"}\n"
                        "{\"msg\":\"b\",\"level\":\"error\"}\n{\"level\":\"error\"}\n[]\n1\n"),
      "b");
  EXPECT_EQ(last_error_in_log("{\"msg\":7,\"level\":\"error\"}"), std::nullopt);
}

}  // namespace
}  // namespace kiln::executor
