// SPDX-License-Identifier: Apache-2.0
#include "executor/seccomp.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <seccomp.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "base/json.h"
#include "executor/runtime_spec.h"
#include "executor/seccomp_filter.h"
#include "os/fd.h"
#include "os/system.h"

namespace kiln::executor {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

SeccompTarget target() {
  return {.architecture = "amd64",
          .capabilities = {"CAP_CHOWN", "CAP_SYS_CHROOT"},
          .kernel_major = 5,
          .kernel_minor = 10};
}

json resolved_profile(const std::string& profile, const SeccompTarget& for_target = target()) {
  const auto text = resolve_seccomp(profile, for_target);
  EXPECT_TRUE(text.ok()) << text.error().message();
  return text ? json::parse(*text) : json();
}

/// The names of the rules that are left of `rules`.
std::vector<std::string> left_of(const std::string& rules,
                                 const SeccompTarget& for_target = target()) {
  std::vector<std::string> names;
  const json resolved = resolved_profile(
      "{\"defaultAction\":\"SCMP_ACT_ERRNO\",\"syscalls\":[" + rules + "]}", for_target);
  for (const json& rule : resolved["syscalls"]) names.push_back(rule["names"][0]);
  return names;
}

std::string rule(const std::string& name, const std::string& conditions) {
  return "{\"names\":[\"" + name + "\"],\"action\":\"SCMP_ACT_ALLOW\"," + conditions + "}";
}

TEST(Seccomp, IncludesMustAllHold) {
  EXPECT_THAT(left_of(rule("a", R"("includes":{"caps":["CAP_CHOWN"]})") + "," +
                      rule("b", R"("includes":{"caps":["CAP_CHOWN","CAP_SYS_ADMIN"]})") + "," +
                      rule("c", R"("includes":{"arches":["amd64","x32"]})") + "," +
                      rule("d", R"("includes":{"arches":["s390x"]})") + "," +
                      rule("e", R"("includes":{}, "excludes":null)")),
              ::testing::ElementsAre("a", "c", "e"));
}

TEST(Seccomp, OneExcludeIsEnough) {
  EXPECT_THAT(left_of(rule("a", R"("excludes":{"caps":["CAP_SYS_ADMIN","CAP_CHOWN"]})") + "," +
                      rule("b", R"("excludes":{"caps":["CAP_SYS_ADMIN"]})") + "," +
                      rule("c", R"("excludes":{"arches":["amd64"]})")),
              ::testing::ElementsAre("b"));
}

TEST(Seccomp, KernelVersionsCompareByNumber) {
  EXPECT_THAT(left_of(rule("a", R"("includes":{"minKernel":"4.8"})") + "," +
                      rule("b", R"("includes":{"minKernel":"5.10"})") + "," +
                      rule("c", R"("includes":{"minKernel":"5.11"})") + "," +
                      rule("d", R"("excludes":{"minKernel":"5.9"})")),
              ::testing::ElementsAre("a", "b"));
}

TEST(Seccomp, ErrnoIsANumberOrAName) {
  const json resolved =
      resolved_profile(R"({"defaultAction":"SCMP_ACT_ERRNO","defaultErrno":"ENOSYS",
    "syscalls":[{"names":["a"],"action":"SCMP_ACT_ERRNO","errno":"EPERM","args":null},
                {"names":["b"],"action":"SCMP_ACT_ERRNO","errnoRet":22,"errno":"EPERM"},
                {"name":"c","action":"SCMP_ACT_ALLOW","args":[]}]})");
  EXPECT_EQ(resolved["defaultErrnoRet"], 38);
  EXPECT_EQ(resolved["syscalls"], json::parse(R"([
      {"names":["a"],"action":"SCMP_ACT_ERRNO","errnoRet":1},
      {"names":["b"],"action":"SCMP_ACT_ERRNO","errnoRet":22},
      {"names":["c"],"action":"SCMP_ACT_ALLOW"}])"));
}

TEST(Seccomp, ArgumentsArePassedOn) {
  const json resolved =
      resolved_profile(R"({"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["a"],
    "action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":4294967295,"valueTwo":0,
    "op":"SCMP_CMP_EQ"}]}]})");
  EXPECT_EQ(resolved["syscalls"][0]["args"][0]["value"], 4294967295U);
}

TEST(Seccomp, ArchitecturesAreOursAndTheNarrowerOnes) {
  const std::string profile = R"({"defaultAction":"SCMP_ACT_ERRNO","archMap":[
      {"architecture":"SCMP_ARCH_X86_64","subArchitectures":["SCMP_ARCH_X86","SCMP_ARCH_X32"]},
      {"architecture":"SCMP_ARCH_AARCH64","subArchitectures":["SCMP_ARCH_ARM"]}]})";
  EXPECT_EQ(resolved_profile(profile)["architectures"],
            json({"SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"}));
  SeccompTarget unknown = target();
  unknown.architecture = "loong64";
  EXPECT_FALSE(resolved_profile(profile, unknown).contains("architectures"));
}

TEST(Seccomp, MalformedProfilesAreRefused) {
  for (const char* profile :
       {"", "[]", "{}", R"({"defaultAction":1})", R"({"defaultAction":"A","syscalls":{}})",
        R"({"defaultAction":"A","syscalls":[1]})", R"({"defaultAction":"A","syscalls":[{}]})",
        R"({"defaultAction":"A","syscalls":[{"names":["a"]}]})",
        R"({"defaultAction":"A","defaultErrno":"EWHAT"})",
        R"({"defaultAction":"A","syscalls":[{"names":["a"],"action":"B",
            "includes":{"minKernel":"new"}}]})"}) {
    const auto result = resolve_seccomp(profile, target());
    ASSERT_FALSE(result.ok()) << profile;
    EXPECT_EQ(result.error().kind(), ErrorKind::corrupt);
  }
}

/// What a resolved profile does with a system call, without looking at arguments.
std::string action_for(const json& resolved, const std::string& name) {
  for (const json& one : resolved["syscalls"])
    for (const json& listed : one["names"])
      if (listed == name && !one.contains("args")) return one["action"];
  return "";
}

TEST(SeccompBuiltIn, FollowsTheCapabilities) {
  SeccompTarget docker = target();
  docker.capabilities = default_capabilities();
  const json resolved = resolved_profile(builtin_seccomp_profile(), docker);
  for (const char* name : {"read", "openat2", "chroot", "ptrace", "clock_gettime64", "futex_waitv"})
    EXPECT_EQ(action_for(resolved, name), "SCMP_ACT_ALLOW") << name;
  for (const char* name : {"mount", "unshare", "setns", "bpf", "keyctl", "kexec_load", "reboot",
                           "init_module", "clone3", "io_uring_setup", "perf_event_open"})
    EXPECT_EQ(action_for(resolved, name), "SCMP_ACT_ERRNO") << name;
  EXPECT_EQ(action_for(resolved, "no_such_call"), "");
  EXPECT_EQ(resolved["defaultErrnoRet"], 38);

  docker.capabilities.emplace_back("CAP_SYS_ADMIN");
  EXPECT_EQ(action_for(resolved_profile(builtin_seccomp_profile(), docker), "mount"),
            "SCMP_ACT_ALLOW");
}

TEST(SeccompBuiltIn, NamesNoCallTwiceWithoutArguments) {
  const json resolved = resolved_profile(builtin_seccomp_profile());
  std::vector<std::string> names;
  for (const json& one : resolved["syscalls"])
    if (!one.contains("args"))
      for (const json& name : one["names"]) names.push_back(name);
  std::sort(names.begin(), names.end());
  EXPECT_EQ(std::adjacent_find(names.begin(), names.end()), names.end());
  EXPECT_EQ(names.front().find(' '), std::string::npos);
  EXPECT_FALSE(names.front().empty());
}

TEST(SeccompFilter, ProfilesCompileToInstructions) {
  for (const std::string& profile :
       {builtin_seccomp_profile(), os::read_file("/usr/share/containers/seccomp.json").ok()
                                       ? *os::read_file("/usr/share/containers/seccomp.json")
                                       : builtin_seccomp_profile()}) {
    const auto filter = compile_seccomp(*resolve_seccomp(profile, target()));
    ASSERT_TRUE(filter.ok()) << filter.error().message();
    EXPECT_GT(filter->size(), 800U);
    EXPECT_EQ(filter->size() % 8, 0U);
  }
}

/// The kernel's struct seccomp_data.
struct Call {
  std::uint32_t number = 0;
  std::uint32_t architecture = SCMP_ARCH_X86_64;
  std::uint64_t instruction_pointer = 0;
  std::array<std::uint64_t, 6> arguments = {};
};

/// The kernel's struct sock_filter, and those of its codes that libseccomp writes.
struct Instruction {
  std::uint16_t code;
  std::uint8_t if_true, if_false;
  std::uint32_t operand;
};
constexpr std::uint16_t kLoad = 0x20, kAnd = 0x54, kJump = 0x05, kReturn = 0x06, kIfEqual = 0x15,
                        kIfGreater = 0x25, kIfAtLeast = 0x35;

/// What the kernel makes of a filter and a system call.
std::uint32_t verdict(const std::string& filter, const Call& call) {
  std::vector<Instruction> program(filter.size() / sizeof(Instruction));
  std::memcpy(program.data(), filter.data(), filter.size());
  std::uint32_t accumulator = 0;
  for (std::size_t at = 0; at < program.size(); ++at) {
    const Instruction& step = program[at];
    bool holds = false;
    switch (step.code) {
      case kLoad:
        std::memcpy(&accumulator, reinterpret_cast<const char*>(&call) + step.operand, 4);
        continue;
      case kAnd:
        accumulator &= step.operand;
        continue;
      case kJump:
        at += step.operand;
        continue;
      case kReturn:
        return step.operand;
      case kIfEqual:
        holds = accumulator == step.operand;
        break;
      case kIfGreater:
        holds = accumulator > step.operand;
        break;
      case kIfAtLeast:
        holds = accumulator >= step.operand;
        break;
      default:
        ADD_FAILURE() << "instruction " << step.code;
        return 0;
    }
    at += holds ? step.if_true : step.if_false;
  }
  ADD_FAILURE() << "no verdict";
  return 0;
}

TEST(SeccompFilter, EverySystemCallGetsTheVerdictOfTheProfile) {
  const std::string text = *resolve_seccomp(builtin_seccomp_profile(), target());
  const json profile = json::parse(text);
  const std::string filter = *compile_seccomp(text);
  std::set<std::string> always, sometimes;
  for (const json& one : profile["syscalls"])
    for (const std::string name : one["names"])
      (one["action"] == "SCMP_ACT_ALLOW" && !one.contains("args") ? always : sometimes)
          .insert(name);
  EXPECT_GT(always.size(), 300U);
  const std::uint32_t otherwise = SCMP_ACT_ERRNO(profile.value("defaultErrnoRet", EPERM));
  int compared = 0;
  for (const std::uint32_t architecture :
       std::array<std::uint32_t, 3>{SCMP_ARCH_X86_64, SCMP_ARCH_X86, SCMP_ARCH_X32}) {
    for (int number = 0; number < 600; ++number) {
      const int of_x32 = 0x40000000;
      const int call = architecture == SCMP_ARCH_X32 ? number | of_x32 : number;
      const std::unique_ptr<char, decltype(&std::free)> known(
          ::seccomp_syscall_resolve_num_arch(architecture, call), &std::free);
      const std::string name = known ? known.get() : "";
      if (sometimes.contains(name)) continue;
      const Call made{
          .number = static_cast<std::uint32_t>(call),
          .architecture = architecture == SCMP_ARCH_X86 ? SCMP_ARCH_X86 : SCMP_ARCH_X86_64};
      EXPECT_EQ(verdict(filter, made), always.contains(name) ? SCMP_ACT_ALLOW : otherwise)
          << name << " " << number << " of " << architecture;
      ++compared;
    }
  }
  EXPECT_GT(compared, 1500);
}

TEST(SeccompFilter, ArgumentsDecideWhereTheProfileSaysSo) {
  const std::string filter =
      *compile_seccomp(*resolve_seccomp(builtin_seccomp_profile(), target()));
  constexpr std::uint64_t kInet = 2, kVsock = 40;
  constexpr std::uint64_t kSharedMemory = 0x100, kNewUserNamespace = 0x10000000;
  const auto of_first = [&](const char* name, std::uint64_t value) {
    const int number = ::seccomp_syscall_resolve_name(name);
    return verdict(filter, {.number = static_cast<std::uint32_t>(number), .arguments = {value}});
  };
  EXPECT_EQ(of_first("socket", kInet), SCMP_ACT_ALLOW);
  EXPECT_NE(of_first("socket", kVsock), SCMP_ACT_ALLOW);
  EXPECT_EQ(of_first("personality", 0), SCMP_ACT_ALLOW);
  EXPECT_NE(of_first("personality", 1), SCMP_ACT_ALLOW);
  EXPECT_EQ(of_first("clone", kSharedMemory), SCMP_ACT_ALLOW);
  EXPECT_NE(of_first("clone", kNewUserNamespace), SCMP_ACT_ALLOW);
}

TEST(SeccompFilter, WhatCannotBeCompiledIsRefused) {
  const auto error = [](const char* text) { return compile_seccomp(text).error().message(); };
  EXPECT_EQ(error(R"({"defaultAction":"SCMP_ACT_NOTIFY"})"),
            "seccomp profile: action SCMP_ACT_NOTIFY");
  EXPECT_EQ(error(R"({"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_Z80"]})"),
            "seccomp profile: architecture z80");
  EXPECT_EQ(error(R"({"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],
                      "action":"SCMP_ACT_ERRNO","args":[{"index":9,"op":"SCMP_CMP_EQ"}]}]})"),
            "seccomp profile: an argument's index is above 5");
}

TEST(SeccompFilter, CacheGivesTheSameAndSurvivesDamage) {
  const std::string folder = std::filesystem::temp_directory_path() / ("kiln-" + os::random_id());
  std::filesystem::create_directory(folder);
  const std::string seccomp = *resolve_seccomp(builtin_seccomp_profile(), target());
  const std::string first = *cached_seccomp_filter(seccomp, folder);
  EXPECT_EQ(*cached_seccomp_filter(seccomp, folder), first);
  for (const auto& file : std::filesystem::directory_iterator(folder)) {
    std::fstream damaged(file.path());
    damaged.seekp(100);
    damaged << "damage";
  }
  EXPECT_EQ(*cached_seccomp_filter(seccomp, folder), first);
  EXPECT_EQ(*cached_seccomp_filter(seccomp, folder + "/absent"), first);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace kiln::executor
