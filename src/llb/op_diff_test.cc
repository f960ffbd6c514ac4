// SPDX-License-Identifier: Apache-2.0
#include "llb/op_diff.h"

#include <gtest/gtest.h>

#include "llb/decoder.h"
#include "llb/encoder.h"
#include "llb/op.h"

namespace kiln::llb {
namespace {

ExecOp exec() {
  ExecOp op;
  op.argv = {"/bin/sh", "-c", "make"};
  op.env = {"PATH=/bin", "A=1", "V=1"};
  op.cwd = "/";
  return op;
}

std::vector<OpChange> changes(const Op& before, const Op& after) {
  return op_changes(encode(before), encode(after), {"V"});
}

using Changes = std::vector<OpChange>;

TEST(Decoder, GivesBackWhatWasEncoded) {
  Encoder encoder;
  encoder.field("a", "x\ny 3:z").list("b", {"", "1\n"}).field("c", 7);
  const auto fields = decode_fields(encoder.text());
  ASSERT_TRUE(fields);
  ASSERT_EQ(fields->size(), 3u);
  EXPECT_EQ((*fields)[0].value, "x\ny 3:z");
  EXPECT_EQ(decode_list((*fields)[1].value), (std::vector<std::string>{"", "1\n"}));
  EXPECT_EQ((*fields)[2].name, "c");
}

TEST(Decoder, RefusesWhatNobodyEncoded) {
  for (const char* text :
       {"a", "a 1", "a 1:", "a 1:x", "a 5:x\n", "a -1:x\n", "a x:y\n", "a 1:xy\n"})
    EXPECT_FALSE(decode_fields(text)) << text;
  EXPECT_TRUE(decode_fields("")->empty());
  EXPECT_FALSE(decode_list("a 1:x\n"));
}

TEST(OpDiff, EqualOpsDoNotDiffer) { EXPECT_TRUE(changes(exec(), exec()).empty()); }

TEST(OpDiff, NamesVariablesAsTheDockerfileDoes) {
  ExecOp other = exec();
  other.env = {"PATH=/bin", "A=2", "B=3", "V=9"};
  EXPECT_EQ(changes(exec(), other),
            (Changes{{"ENV A", "1", "2"}, {"ARG V", "1", "9"}, {"ENV B", "", "3"}}));
  EXPECT_EQ(changes(other, exec()),
            (Changes{{"ENV A", "2", "1"}, {"ENV B", "3", ""}, {"ARG V", "9", "1"}}));
  other = exec();
  std::swap(other.env[0], other.env[1]);
  EXPECT_EQ(changes(exec(), other), (Changes{{"the order of the environment", "", ""}}));
}

TEST(OpDiff, EmptyVariableIsNoMissingOne) {
  ExecOp empty = exec(), unset = exec();
  empty.env[2] = "V=";
  unset.env.pop_back();
  EXPECT_EQ(changes(exec(), empty), (Changes{{"ARG V", "1", "\"\""}}));
  EXPECT_EQ(changes(unset, empty), (Changes{{"ARG V", "", "\"\""}}));
  EXPECT_EQ(changes(empty, unset), (Changes{{"ARG V", "\"\"", ""}}));
}

TEST(OpDiff, ModesAreOctal) {
  ExecOp before = exec(), after = exec();
  CacheMount cache;
  cache.id = "c";
  cache.owner.mode = 0755;
  before.mounts = {cache};
  cache.owner.mode = 0700;
  after.mounts = {cache};
  EXPECT_EQ(changes(before, after), (Changes{{"--mount=type=cache: mode", "0755", "0700"}}));
  SecretMount secret;
  secret.id = "key";
  before.mounts = {secret};
  secret.owner.mode = 0444;
  after.mounts = {secret};
  EXPECT_EQ(changes(before, after), (Changes{{"--mount=type=secret: mode", "", "0444"}}));
  const FileOp made{{MkdirAction{"/d", 0755, ""}}, {}}, other{{MkdirAction{"/d", 0700, ""}}, {}};
  EXPECT_EQ(changes(made, other), (Changes{{"the mode", "0755", "0700"}}));
}

TEST(OpDiff, ShowsWhatTheBuildGivesARun) {
  ExecOp before = exec(), after = exec();
  before.shm_size = 64 << 20;
  after.shm_size = (64 << 20) + 512;
  EXPECT_EQ(changes(before, after), (Changes{{"--shm-size", "64m", "67109376b"}}));
  EXPECT_EQ(changes(exec(), before), (Changes{{"--shm-size", "", "64m"}}));
  before = after = exec();
  before.ulimits = {{"nofile", 1024, 2048}, {"nproc", 5, 5}};
  after.ulimits = {{"core", 0, UINT64_MAX}, {"nofile", 1024, 4096}, {"nproc", 5, 5}};
  EXPECT_EQ(changes(before, after),
            (Changes{{"--ulimit", "", "core=0:-1"},
                     {"--ulimit", "nofile=1024:2048", "nofile=1024:4096"}}));
  before = after = exec();
  before.host_names = {"a"};
  after.host_names = {"a", "b"};
  EXPECT_EQ(changes(before, after), (Changes{{"--add-host", "a", "a b"}}));
  before = after = exec();
  after.volumes = {"/a:/b:ro"};
  EXPECT_EQ(changes(before, after), (Changes{{"--volume", "", "/a:/b:ro"}}));
}

TEST(OpDiff, SaysWhatOfAMountDiffers) {
  ExecOp before = exec(), after = exec();
  BindMount bind;
  bind.input = 1;
  bind.target = "/m";
  bind.read_only = true;
  CacheMount cache;
  cache.id = "c";
  cache.target = "/c";
  SecretMount secret;
  secret.id = "key";
  before.mounts = {bind, cache};
  after.mounts = {cache, bind};
  EXPECT_EQ(changes(before, after), (Changes{{"the order of the mounts", "", ""}}));
  after.mounts = {secret, bind, cache};
  EXPECT_EQ(changes(before, after), (Changes{{"--mount", "", "type=secret,id=key"}}));
  EXPECT_EQ(changes(after, before), (Changes{{"--mount", "type=secret,id=key", ""}}));
  BindMount other = bind;
  other.input = 2;
  other.read_only = false;
  CacheMount moved = cache;
  moved.target = "/d";
  after.mounts = {other, moved};
  EXPECT_EQ(changes(before, after), (Changes{{"--mount=type=bind: from", "", ""},
                                             {"--mount=type=bind: readonly", "yes", "no"},
                                             {"--mount=type=cache: target", "/c", "/d"}}));
}

TEST(OpDiff, NamesWhatElseARunHas) {
  ExecOp other = exec();
  other.argv[2] = "make all";
  EXPECT_EQ(changes(exec(), other), (Changes{{"the command", "make", "make all"}}));
  other.argv = {"make", "all"};
  EXPECT_EQ(changes(exec(), other), (Changes{{"the command", "/bin/sh -c make", "make all"}}));
  other = exec();
  other.cwd = "/src";
  EXPECT_EQ(changes(exec(), other), (Changes{{"WORKDIR", "/", "/src"}}));
  other = exec();
  other.user = "bin";
  EXPECT_EQ(changes(exec(), other), (Changes{{"USER", "", "bin"}}));
  other = exec();
  other.network = NetworkMode::none;
  EXPECT_EQ(changes(exec(), other).front().what, "--network");
  other = exec();
  other.max_mtime = 5;
  EXPECT_EQ(changes(exec(), other), (Changes{{"SOURCE_DATE_EPOCH", "", "5"}}));
  other = exec();
  other.inline_mounts.push_back({"/dev/pipes/EOF", "#!/bin/sh\n", 0755});
  EXPECT_EQ(changes(exec(), other), (Changes{{"the heredoc script", "", ""}}));
}

TEST(OpDiff, WhatAllSourcesOfACopyShareIsSaidOnce) {
  FileOp op;
  CopyAction copy;
  copy.destination = "/d/";
  for (const char* pattern : {"/a", "/b"}) {
    copy.pattern = pattern;
    op.actions.emplace_back(copy);
  }
  FileOp other = op;
  for (auto& action : other.actions) std::get<CopyAction>(action).chown = "1:1";
  EXPECT_EQ(changes(op, other), (Changes{{"--chown", "", "1:1"}}));
  other = op;
  std::get<CopyAction>(other.actions[1]).pattern = "/c";
  EXPECT_EQ(changes(op, other), (Changes{{"the source", "/b", "/c"}}));
  other.actions.pop_back();
  EXPECT_EQ(changes(op, other), (Changes{{"the number of sources", "2", "1"}}));
  other = op;
  for (auto& action : other.actions) std::get<CopyAction>(action).exclude = {"*.o", "x"};
  EXPECT_EQ(changes(op, other), (Changes{{"--exclude", "", "*.o x"}}));
}

TEST(OpDiff, BytesThatCanNotBeReadDifferAsAWhole) {
  EXPECT_EQ(op_changes("?", encode(exec()), {}), (Changes{{"the instruction", "", ""}}));
}

}  // namespace
}  // namespace kiln::llb
