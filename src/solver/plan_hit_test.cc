// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>

#include <chrono>

#include "solver/solver_test_kit.h"

/// Steps whose layer is known once it is planned: on other layers than before.
namespace kiln::solver::testing {
namespace {

class CopyOntoAnother : public SolverTest {
 protected:
  /// A root file system with a file that says `text`, in /image or where else it is wanted.
  llb::VertexId image(const std::string& text, const std::string& directory = "/image/") {
    write("of/" + text, text);
    return copy("/of/" + text, directory);
  }
  llb::VertexId copy_onto(llb::VertexId root, const std::string& destination = "/d/") {
    return copy(root, context(), {copying("/d", destination)});
  }
  static oci::DiffId layer(const Solved& solved, llb::VertexId target) {
    return solved.results.at(target).layers.back();
  }
};

TEST_F(CopyOntoAnother, IsCached) {
  write("d/a", "1");
  const auto old = copy_onto(image("one"));
  const auto first = solved(old);
  EXPECT_EQ(first->outcomes.at(old), StepOutcome::done);
  const auto target = copy_onto(image("two"));
  const auto second = solved(target);
  EXPECT_EQ(second->outcomes.at(target), StepOutcome::cached);
  EXPECT_EQ(layer(*second, target), layer(*first, old));
  EXPECT_EQ(read_result(*second, target, "/d/a"), "1");
  EXPECT_EQ(read_result(*second, target, "/image/two"), "two");
  EXPECT_EQ(read_result(*second, target, "/image/one"), "(not there)");
  EXPECT_TRUE(hits(target)) << "and from then on without a plan";
}

TEST_F(CopyOntoAnother, AlsoOfManyFilesThatWereReadWhileTheyWereCopied) {
  for (int i = 0; i < 300; ++i) write("d/" + std::to_string(i), std::to_string(i));
  solved(copy_onto(image("one")));
  EXPECT_TRUE(hits(copy_onto(image("two"))));
}

TEST_F(CopyOntoAnother, IsCachedAlsoIfItsFilesHaveAnotherTime) {
  write("d/a", "1");
  solved(copy_onto(image("one")));
  fs::last_write_time(at("d/a"), fs::file_time_type::clock::now() - std::chrono::hours(1));
  EXPECT_TRUE(hits(copy_onto(image("two"))));
}

TEST_F(CopyOntoAnother, RunsWhereADirectoryOnItsWayHasAnotherTime) {
  write("d/a", "1");
  const auto base_of = [this](std::chrono::hours age) {
    fs::create_directories(at("way/image"));
    fs::last_write_time(at("way/image"), fs::file_time_type::clock::now() - age);
    write("way/" + std::to_string(age.count()), "");
    return copy("/way", "/");
  };
  solved(copy_onto(base_of(std::chrono::hours(1)), "/image/"));
  EXPECT_FALSE(hits(copy_onto(base_of(std::chrono::hours(2)), "/image/")));
}

TEST_F(CopyOntoAnother, RunsWithAnotherTimeThatItIsTold) {
  write("d/a", "1");
  const auto copy_at = [this](llb::VertexId root, std::optional<std::int64_t> mtime) {
    llb::FileOp op;
    op.actions.emplace_back(copying("/d", "/d/"));
    op.mtime = mtime;
    return graph.add({std::move(op), {root, context()}, named("COPY")});
  };
  solved(copy_at(image("one"), std::nullopt));
  EXPECT_FALSE(hits(copy_at(image("two"), 0)));
  EXPECT_FALSE(hits(copy_at(image("three"), 1)));
  EXPECT_TRUE(hits(copy_at(image("four"), 0)));
}

TEST_F(CopyOntoAnother, RunsWhereADirectoryOnItsWayIsAnother) {
  write("d/a", "1");
  fs::create_directories(at("way/image"));
  solved(copy_onto(image("one"), "/image/"));
  fs::permissions(at("way/image"), fs::perms(0700));
  const auto other = copy(copy("/way", "/"), context(), {copying("/d", "/image/")});
  EXPECT_FALSE(hits(other));
}

TEST_F(CopyOntoAnother, RunsWhereASymbolicLinkLeadsElsewhere) {
  write("d/a", "1");
  solved(copy_onto(image("one"), "/l/"));
  fs::create_directories(at("way"));
  fs::create_symlink("/elsewhere", at("way/l"));
  const auto other = copy_onto(copy("/way", "/"), "/l/");
  const auto second = solved(other);
  EXPECT_EQ(second->outcomes.at(other), StepOutcome::done);
  EXPECT_EQ(read_result(*second, other, "/elsewhere/a"), "1");
}

TEST_F(CopyOntoAnother, RunsWhereItReplacesWhatWasThere) {
  fs::create_directories(at("d/sub"));
  solved(copy_onto(image("one")));
  fs::create_directories(at("way/d"));
  write("way/d/sub", "a file");
  const auto other = copy("/way", "/");
  Error error = failed(copy_onto(other));
  EXPECT_THAT(error.message(), ::testing::HasSubstr("non-directory")) << "as without a cache";
}

TEST_F(CopyOntoAnother, RunsWithoutTheCache) {
  write("d/a", "1");
  solved(copy_onto(image("one")));
  cache = UseCache::ignore;
  EXPECT_FALSE(hits(copy_onto(image("two"))));
}

TEST_F(CopyOntoAnother, RunsIfTheLayerIsGone) {
  write("d/a", "1");
  const auto old = copy_onto(image("one"));
  const auto first = solved(old);
  ASSERT_TRUE(store->layers().remove(layer(*first, old)).ok());
  const auto target = copy_onto(image("two"));
  const auto second = solved(target);
  EXPECT_EQ(second->outcomes.at(target), StepOutcome::done);
  EXPECT_EQ(read_result(*second, target, "/d/a"), "1");
}

TEST_F(CopyOntoAnother, IsForecast) {
  write("d/a", "1");
  solved(copy_onto(image("one")));
  const auto base = image("two");
  const auto target = copy_onto(base);
  solved(base);
  const std::size_t records = store->records().list()->size();
  before = [](SolveContext& context, llb::VertexId) { context.steps = Steps::look_up; };
  EXPECT_TRUE(hits(target));
  EXPECT_EQ(store->records().list()->size(), records);
}

TEST_F(CopyOntoAnother, OfManyUnreadFilesIsFoundAsItWasForecast) {
  const auto write_all = [this] {
    for (int i = 0; i < 300; ++i) write("d/" + std::to_string(i), std::to_string(i));
  };
  write_all();
  solved(copy_onto(image("one")));
  const auto base = image("two");
  solved(base);
  const auto target = copy_onto(base);
  write_all();  // not known by their stats any more
  before = [](SolveContext& context, llb::VertexId) { context.steps = Steps::look_up; };
  EXPECT_TRUE(hits(target));
  write_all();
  before = {};
  EXPECT_TRUE(hits(target));
}

TEST_F(CopyOntoAnother, WhatCannotBePlannedIsForecastToRun) {
  write("d/a", "1");
  const auto base = copy("/d/a", "/file");
  solved(base);
  const auto target = copy_onto(base, "/file/");
  before = [](SolveContext& context, llb::VertexId) { context.steps = Steps::look_up; };
  EXPECT_FALSE(hits(target));
  before = {};
  EXPECT_THAT(failed(target).message(), ::testing::HasSubstr("not a directory"));
}

TEST_F(CopyOntoAnother, TakesOverHowLongItTook) {
  write("d/a", "1");
  solved(copy_onto(image("one")));
  const auto records = store->records().list();
  ASSERT_TRUE(records.ok());
  for (const auto& summary : *records) {
    auto record = store->records().find(summary.key);
    ASSERT_TRUE(record.ok() && *record);
    (*record)->milliseconds = 77;
    (*record)->inputs.text = *store->records().input_list(summary.inputs_digest);
    ASSERT_TRUE(store->records().put(**record).ok());
  }
  const auto target = copy_onto(image("two"));
  const auto second = solved(target);
  ASSERT_EQ(second->outcomes.at(target), StepOutcome::cached);
  const auto all = store->records().list();
  for (const auto& summary : *all) {
    if (summary.layer != layer(*second, target)) continue;
    EXPECT_EQ((*store->records().find(summary.key))->milliseconds, 77);
  }
}

TEST_F(CopyOntoAnother, ADirectoryIsMadeOnce) {
  const auto made_on = [this](llb::VertexId root) {
    llb::FileOp op;
    llb::MkdirAction mkdir;
    mkdir.path = "/w";
    op.actions.emplace_back(mkdir);
    return graph.add({std::move(op), {root}, named("WORKDIR")});
  };
  solved(made_on(image("one")));
  EXPECT_TRUE(hits(made_on(image("two"))));
}

}  // namespace
}  // namespace kiln::solver::testing
