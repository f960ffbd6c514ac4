// SPDX-License-Identifier: Apache-2.0
/// Keys of steps, and their records in the store.
#include <benchmark/benchmark.h>

#include "base/sha256.h"
#include "files.h"
#include "solver/step_key.h"
#include "store/store.h"

namespace kiln::bench {
namespace {

store::InputList inputs(std::int64_t count) {
  store::InputList out;
  for (std::int64_t i = 0; i < count; ++i)
    out.add(fmt::format("file:src/d{}/f{}.c", i / 50, i), "file 644 " + std::string(64, 'a'));
  return out;
}

void Key(benchmark::State& state) {
  const auto list = inputs(state.range(0));
  for (auto _ : state) benchmark::DoNotOptimize(solver::step_key("op", list));
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(Key)->Range(1, 1 << 15)->Unit(benchmark::kMicrosecond);

store::CacheRecord record_of(std::int64_t number) {
  store::CacheRecord record;
  record.key = to_hex(sha256(fmt::format("key {}", number)));
  record.instruction = fmt::format("RUN make {}", number % 100);
  record.place = "build|0|1";
  record.operation = "op";
  record.inputs.add("layer:0", fmt::format("sha256:{}", number));
  return record;
}

/// In a store of so many records.
void LookUp(benchmark::State& state) {
  const Folder folder;
  store::Store store = must(store::Store::open(folder.path("store")));
  for (std::int64_t i = 0; i < state.range(0); ++i) must(store.records().put(record_of(i)));
  std::int64_t next = 0;
  for (auto _ : state) {
    const std::string key = record_of(next++ % state.range(0)).key;
    benchmark::DoNotOptimize(must(store.records().find(key)));
  }
}
BENCHMARK(LookUp)->Range(100, 10000)->Unit(benchmark::kMicrosecond);

void PutRecord(benchmark::State& state) {
  const Folder folder;
  store::Store store = must(store::Store::open(folder.path("store")));
  std::int64_t next = 0;
  for (auto _ : state) must(store.records().put(record_of(next++)));
}
BENCHMARK(PutRecord)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace kiln::bench
