// SPDX-License-Identifier: Apache-2.0
/// Layers: a directory's tar stream, its diff ID, looking through a stack of them.
#include <benchmark/benchmark.h>

#include "archive/byte_stream.h"
#include "files.h"
#include "os/dir.h"
#include "snapshot/layer_view.h"
#include "snapshot/tree_tar.h"

namespace kiln::bench {
namespace {

class NullSink final : public archive::ByteSink {
 public:
  Result<void> write(archive::Bytes data) override {
    bytes_ += data.size();
    return {};
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

void TarStream(benchmark::State& state) {
  const Folder folder;
  folder.fill(state.range(0), 4000);
  const os::Dir root = must(os::Dir::open(folder.path("tree")));
  std::uint64_t bytes = 0;
  for (auto _ : state) {
    NullSink sink;
    must(snapshot::write_tree_tar(root, sink));
    bytes += sink.bytes();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}
BENCHMARK(TarStream)->Range(1000, 16000)->Unit(benchmark::kMillisecond);

/// What a RUN step left in its upper directory becomes a layer: the digest of its stream.
void Diff(benchmark::State& state) {
  const Folder folder;
  folder.fill(state.range(0), 4000);
  const os::Dir root = must(os::Dir::open(folder.path("tree")));
  for (auto _ : state) benchmark::DoNotOptimize(must(snapshot::digest_tree(root)));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Diff)->Range(1000, 16000)->Unit(benchmark::kMillisecond);

void FindInStack(benchmark::State& state) {
  const Folder folder;
  std::vector<os::Dir> layers;
  for (std::int64_t i = 0; i < state.range(0); ++i) {
    folder.write(fmt::format("l{}/etc/f{}", i, i), "x");
    os::Dir layer = must(os::Dir::open(folder.path(fmt::format("l{}", i))));
    layers.push_back(std::move(layer));
  }
  const snapshot::LayerView view(std::move(layers));
  const os::RelPath path = os::RelPath::clean("etc/f0");
  for (auto _ : state) benchmark::DoNotOptimize(must(view.find(path)));
}
BENCHMARK(FindInStack)->Range(1, 128)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kiln::bench
