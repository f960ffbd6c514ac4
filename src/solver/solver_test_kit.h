// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "executor/fake_executor.h"
#include "os/test_temp_dir.h"
#include "os/user_namespace.h"
#include "solver/solver.h"

/// For tests: a store and a build context in a folder of their own, and a solver over a fake
/// executor.
namespace kiln::solver::testing {

namespace fs = std::filesystem;

class FolderTest : public ::testing::Test {
 protected:
  FolderTest() { fs::create_directories(context_path()); }

  std::string context_path() const { return folder + "/context"; }
  std::string at(const std::string& name) const { return context_path() + "/" + name; }
  void write(const std::string& name, std::string_view content) const {
    fs::create_directories(fs::path(at(name)).parent_path());
    std::ofstream(at(name), std::ios::binary | std::ios::trunc) << content;
  }

  const os::test::TempDir top_;
  const std::string folder = top_.path();
};

class RecordingProgress final : public Progress {
 public:
  void report(const ProgressEvent& event) override {
    const std::lock_guard lock(mutex_);
    events.push_back(event);
    if (hook) hook(event);
  }
  template <typename Event>
  std::vector<Event> of() const {
    std::vector<Event> out;
    for (const auto& event : events) {
      if (const auto* it = std::get_if<Event>(&event)) out.push_back(*it);
    }
    return out;
  }
  std::vector<ProgressEvent> events;
  std::function<void(const ProgressEvent&)> hook;

 private:
  std::mutex mutex_;
};

/// One solve: what became of each vertex.
struct Solved {
  std::map<llb::VertexId, StepResult> results;
  RecordingProgress progress;
  std::map<StepId, StepOutcome> outcomes;
};

class SolverTest : public FolderTest {
 protected:
  SolverTest() {
    auto opened = store::Store::open(folder + "/store");
    EXPECT_TRUE(opened.ok()) << (opened.ok() ? "" : opened.error().message());
    store = std::make_unique<store::Store>(*std::move(opened));
  }

  void SetUp() override {
    if (!why_no_layers().empty()) GTEST_SKIP() << "layers can't be made here: " << why_no_layers();
  }
  /// Empty if this process may make layers and mount them, or why not.
  static const std::string& why_no_layers() {
    static const std::string why = [] {
      const auto entered = os::enter_user_namespace();
      return entered.ok() ? std::string() : entered.error().message();
    }();
    return why;
  }

  static llb::Origin named(const std::string& name) { return {name, name, "", ""}; }
  llb::VertexId scratch() { return graph.add({llb::ImageSource{}, {}, {}}); }
  llb::VertexId context(std::vector<std::string> ignored = {}) {
    ignore = ignored;
    return graph.add({llb::LocalSource{"context", std::move(ignored)}, {}, {}});
  }
  static llb::CopyAction copying(const std::string& pattern, const std::string& destination) {
    llb::CopyAction out;
    out.pattern = pattern;
    out.destination = destination;
    return out;
  }
  llb::VertexId copy(llb::VertexId root, llb::VertexId source,
                     std::vector<llb::CopyAction> actions) {
    llb::FileOp op;
    for (auto& action : actions) op.actions.emplace_back(std::move(action));
    return graph.add({std::move(op), {root, source}, named("COPY")});
  }
  llb::VertexId copy(const std::string& pattern, const std::string& destination = "/d/") {
    return copy(scratch(), context(), {copying(pattern, destination)});
  }
  llb::VertexId run(llb::VertexId root, const std::string& command,
                    const std::string& name = "RUN") {
    return graph.add({exec_of(command), {root}, named(name)});
  }
  static llb::ExecOp exec_of(const std::string& command) {
    llb::ExecOp op;
    op.argv = {"/bin/sh", "-c", command};
    op.env = {"PATH=/bin"};
    op.cwd = "/";
    return op;
  }

  Result<void> try_solve(llb::VertexId target, Solved& out, unsigned jobs = 4,
                         std::stop_token stop = {}) {
    SolveContext solve_context{*store, *executor, out.progress};
    solve_context.cache = cache;
    solve_context.run = environment;
    auto tree = ContextTree::open(context_path(), ignore, store->context_index(context_path()));
    if (!tree) return std::move(tree).error();
    solve_context.contexts["context"] = *std::move(tree);
    if (before) before(solve_context, target);
    auto results = solve(solve_context, graph, target, jobs, std::move(stop));
    if (results && after) after(solve_context, target);
    for (const auto& ended : out.progress.of<StepEnded>()) out.outcomes[ended.step] = ended.outcome;
    if (!results) return std::move(results).error();
    out.results = *std::move(results);
    return {};
  }
  std::unique_ptr<Solved> solved(llb::VertexId target) {
    auto out = std::make_unique<Solved>();
    const auto done = try_solve(target, *out);
    EXPECT_TRUE(done.ok()) << (done.ok() ? "" : done.error().message());
    return out;
  }
  Error failed(llb::VertexId target) {
    Solved out;
    auto done = try_solve(target, out);
    if (!done) return std::move(done).error();
    ADD_FAILURE() << "did not fail";
    return invalid_input("none");
  }
  /// Whether the target's own step came from the cache.
  bool hits(llb::VertexId target) {
    return solved(target)->outcomes[target] == StepOutcome::cached;
  }
  std::string read_result(const Solved& result, llb::VertexId target, const std::string& path) {
    const auto found = result.results.find(target);
    if (found == result.results.end()) return "no result";
    auto view = snapshot::LayerView::open(store->layers(), found->second.layers);
    if (!view) return view.error().message();
    auto text = view->read_text(path);
    if (!text) return text.error().message();
    return text->value_or("(not there)");
  }
  std::size_t layers_in_store() const {
    const auto layers = fs::directory_iterator(store->paths().layers());
    return static_cast<std::size_t>(std::distance(begin(layers), end(layers)));
  }

  std::unique_ptr<store::Store> store;
  llb::Graph graph;
  std::vector<std::string> ignore;
  UseCache cache = UseCache::use;
  RunEnvironment environment;
  /// Called around each solve.
  std::function<void(SolveContext&, llb::VertexId)> before, after;
  std::unique_ptr<executor::FakeExecutor> executor = std::make_unique<executor::FakeExecutor>();
};

}  // namespace kiln::solver::testing
