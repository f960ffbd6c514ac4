// SPDX-License-Identifier: Apache-2.0
/// A build context: walking it, ignoring, recognising, hashing what is new.
#include <benchmark/benchmark.h>

#include "base/sha256.h"
#include "dockerfile/ignore.h"
#include "files.h"
#include "os/system.h"
#include "solver/copy_selection.h"
#include "solver/source_tree.h"

namespace kiln::bench {
namespace {

std::unique_ptr<solver::ContextTree> open_tree(const Folder& folder,
                                               const std::vector<std::string>& ignore = {}) {
  return must(solver::ContextTree::open(folder.path("tree"), ignore, folder.path("index")));
}

llb::CopyAction everything() {
  llb::CopyAction action;
  action.pattern = ".";
  return action;
}

void Walk(benchmark::State& state) {
  const Folder folder;
  folder.fill(state.range(0), 100);
  for (auto _ : state) {
    const auto tree = open_tree(folder, {"**/*.o", "build", "!**/keep"});
    std::size_t group = 0;
    benchmark::DoNotOptimize(must(solver::select_files(*tree, everything(), group)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Walk)->Range(1000, 64000)->Unit(benchmark::kMillisecond);

/// An unchanged context: the stat index knows all of it.
void Recognise(benchmark::State& state) {
  const Folder folder;
  folder.fill(state.range(0), 100);
  {
    const auto tree = open_tree(folder);
    std::size_t group = 0;
    auto selection = must(solver::select_files(*tree, everything(), group));
    must(solver::recall_facts(*tree, selection));
    must(solver::read_facts(*tree, selection));
    must(tree->save_index());
  }
  for (auto _ : state) {
    const auto tree = open_tree(folder);
    std::size_t group = 0;
    auto selection = must(solver::select_files(*tree, everything(), group));
    benchmark::DoNotOptimize(must(solver::recall_facts(*tree, selection)));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Recognise)->Range(1000, 64000)->Unit(benchmark::kMillisecond);

void Ignore(benchmark::State& state) {
  std::vector<std::string> lines;
  for (std::int64_t i = 0; i < state.range(0); ++i)
    lines.push_back(i % 3 == 0   ? fmt::format("**/*.o{}", i)
                    : i % 3 == 1 ? fmt::format("build{}/out", i)
                                 : fmt::format("!src/**/keep{}", i));
  const auto patterns = must(dockerfile::IgnorePatterns::create(lines));
  for (auto _ : state) benchmark::DoNotOptimize(patterns.ignores("src/one/two/three/main.c"));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Ignore)->Range(4, 256);

void Hash(benchmark::State& state) {
  const std::string data(static_cast<std::size_t>(state.range(0)), 'x');
  for (auto _ : state) benchmark::DoNotOptimize(sha256(data));
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Hash)->Range(64, 1 << 20);

void ReadFacts(benchmark::State& state) {
  const Folder folder;
  folder.fill(state.range(0), 4000);
  for (auto _ : state) {
    const auto tree = open_tree(folder);
    std::size_t group = 0;
    auto selection = must(solver::select_files(*tree, everything(), group));
    must(solver::recall_facts(*tree, selection));
    must(solver::read_facts(*tree, selection));
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(ReadFacts)->Range(1000, 16000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace kiln::bench
