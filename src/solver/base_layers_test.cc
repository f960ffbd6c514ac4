// SPDX-License-Identifier: Apache-2.0
#include "solver/base_layers.h"

#include <set>

#include "solver/solver_test_kit.h"

namespace kiln::solver::testing {
namespace {

/// Says that it has to bring layers which are in the store, and notes who asks for them.
class NotedBases final : public BaseLayers {
 public:
  explicit NotedBases(std::set<oci::DiffId> offered) : offered_(std::move(offered)) {}

  bool offers(const oci::DiffId& layer) const override { return offered_.contains(layer); }
  Result<void> ensure(const std::vector<oci::DiffId>& layers, const std::stop_token&) override {
    note(layers, ensured_);
    return {};
  }
  void fetch_ahead(const std::vector<oci::DiffId>& layers) override { note(layers, ahead_); }
  void stop_fetching() override { stopped_ = true; }

  std::set<oci::DiffId> ensured() const { return read(ensured_); }
  std::set<oci::DiffId> ahead() const { return read(ahead_); }
  bool stopped() const { return stopped_; }

 private:
  void note(const std::vector<oci::DiffId>& layers, std::set<oci::DiffId>& into) {
    const std::lock_guard lock(mutex_);
    for (const auto& layer : layers) {
      if (offers(layer)) into.insert(layer);
    }
  }
  std::set<oci::DiffId> read(const std::set<oci::DiffId>& from) const {
    const std::lock_guard lock(mutex_);
    return from;
  }

  const std::set<oci::DiffId> offered_;
  mutable std::mutex mutex_;
  std::set<oci::DiffId> ensured_, ahead_;
  bool stopped_ = false;
};

class BaseLayersTest : public SolverTest {
 protected:
  /// A base image with one layer of its own.
  oci::DiffId make_base(const std::string& content) {
    write(content, content);
    const auto target = copy(content);
    const oci::DiffId layer = solved(target)->results.at(target).layers.at(0);
    return layer;
  }
  llb::VertexId image(const oci::DiffId& layer) {
    llb::ImageSource source;
    source.layers = {layer};
    return graph.add({std::move(source), {}, {}});
  }
  llb::VertexId copy_from(llb::VertexId root, const std::vector<llb::VertexId>& stages) {
    llb::FileOp op;
    std::vector<llb::VertexId> inputs = {root};
    for (const auto stage : stages) {
      llb::CopyAction action = copying("/d", "/from" + std::to_string(inputs.size()) + "/");
      action.source = inputs.size();
      op.actions.emplace_back(action);
      inputs.push_back(stage);
    }
    return graph.add({std::move(op), inputs, named("COPY")});
  }
  void solve_with(NotedBases& bases, llb::VertexId target) {
    before = [&](SolveContext& context, llb::VertexId) { context.bases = &bases; };
    solved(target);
    before = nullptr;
    EXPECT_TRUE(bases.stopped());
  }
  using Layers = std::set<oci::DiffId>;
};

TEST_F(BaseLayersTest, AreNeededByAStepThatRunsAndNotByOneThatHits) {
  const oci::DiffId base = make_base("a");
  const auto target = copy_from(scratch(), {run(image(base), "make")});
  NotedBases first({base});
  solve_with(first, target);
  EXPECT_EQ(first.ensured(), Layers{base});
  NotedBases second({base});
  solve_with(second, target);
  EXPECT_EQ(second.ensured(), Layers());
  EXPECT_EQ(second.ahead(), Layers());
}

TEST_F(BaseLayersTest, AreThereForTheResult) {
  const oci::DiffId base = make_base("a");
  const auto target = run(image(base), "make");
  solved(target);
  NotedBases bases({base});
  solve_with(bases, target);
  EXPECT_EQ(bases.ensured(), Layers{base});
}

TEST_F(BaseLayersTest, AreNotNeededForTheCacheAlone) {
  const oci::DiffId base = make_base("a");
  const auto target = run(image(base), "make");
  solved(target);
  NotedBases bases({base});
  before = [&](SolveContext& context, llb::VertexId) {
    context.bases = &bases;
    context.wanted = Wanted::cache;
  };
  solved(target);
  EXPECT_EQ(bases.ensured(), Layers());
}

TEST_F(BaseLayersTest, OfWhatFollowsAMissedStepAreFetchedWhileItRuns) {
  const oci::DiffId follows = make_base("a"), apart = make_base("b"), other = make_base("c");
  const auto hit = run(image(apart), "unchanged");
  solved(hit);
  const auto missed = run(image(other), "changed");
  const auto target = copy_from(image(follows), {missed, hit});
  NotedBases bases({follows, apart});
  Layers ahead;
  executor = std::make_unique<executor::FakeExecutor>(
      [&](const executor::ExecSpec& spec, executor::ExecIo&,
          std::stop_token) -> Result<os::ExitStatus> {
        if (spec.argv.back() == "changed") ahead = bases.ahead();
        return os::ExitStatus{};
      });
  solve_with(bases, target);
  EXPECT_EQ(ahead, Layers{follows});
}

}  // namespace
}  // namespace kiln::solver::testing
