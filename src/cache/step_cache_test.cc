// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gmock/gmock.h>

#include "cache/importer.h"
#include "cache/local_storage.h"
#include "cache/step_export.h"
#include "os/dir.h"
#include "os/file_io.h"
#include "solver/solver_test_kit.h"

namespace kiln::cache {
namespace {

namespace fs = std::filesystem;
using solver::StepOutcome;
using solver::testing::Solved;
using solver::testing::SolverTest;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

/// Builds that share a directory as their cache. A RUN writes its command to /made.
class StepCache : public SolverTest {
 protected:
  StepCache() {
    executor = std::make_unique<executor::FakeExecutor>(
        [this](const executor::ExecSpec& spec, executor::ExecIo&,
               std::stop_token) -> Result<os::ExitStatus> {
          std::ofstream(spec.rootfs + "/made") << spec.argv.back() << salt;
          return os::ExitStatus{};
        });
  }
  std::string cache_path() const { return folder + "/cache"; }
  void use_store(const std::string& name) {
    store = std::make_unique<store::Store>(store::Store::open(folder + "/" + name).value());
  }
  void write_cache(ExportOptions options = {}) {
    after = [this, options](solver::SolveContext& context, llb::VertexId target) {
      auto storage = LocalStorage::open_for_writing(cache_path());
      ASSERT_TRUE(storage.ok()) << storage.error().message();
      const auto done = export_steps(context, **storage, build_tag(graph, {target}), options);
      ASSERT_TRUE(done.ok()) << done.error().message();
      report = *done;
    };
  }
  void read_cache() {
    before = [this](solver::SolveContext& context, llb::VertexId target) {
      auto storage = LocalStorage::open(cache_path());
      ASSERT_TRUE(storage.ok()) << storage.error().message();
      auto importer =
          std::make_unique<Importer>(*store, *std::move(storage),
                                     [this](const std::string& text) { warnings.push_back(text); });
      if (reads_ahead) importer->read_ahead(build_tag(graph, {target}));
      context.imports.push_back(std::move(importer));
    };
    after = nullptr;
  }
  std::vector<std::string> remarks(const Solved& result) const {
    std::vector<std::string> out = warnings;
    for (const auto& warning : result.progress.of<solver::BuildWarning>())
      out.push_back(warning.text);
    return out;
  }
  std::size_t runs() const { return executor->specs().size(); }
  std::vector<std::string> blobs(std::uintmax_t least = 0) const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(cache_path() + "/blobs/sha256"))
      if (entry.file_size() >= least) out.push_back(entry.path());
    return out;
  }
  /// base: COPY f, RUN one; a second stage with RUN two, of which the result takes a file.
  llb::VertexId project() {
    write("f", std::string(5000, 'f'));
    const auto base = run(copy("f"), "one");
    const auto other = run(scratch(), "two", "RUN two");
    return copy(base, other, {copying("/made", "/from/")});
  }

  std::string salt;
  bool reads_ahead = true;
  ExportReport report;
  std::vector<std::string> warnings;
};

TEST_F(StepCache, AnotherStoreRunsNothingAndHasTheSame) {
  const auto target = project();
  write_cache();
  const auto first = solved(target);
  EXPECT_EQ(runs(), 2u);
  for (const bool ahead : {true, false}) {
    reads_ahead = ahead;
    use_store(ahead ? "second" : "third");
    read_cache();
    const auto second = solved(target);
    EXPECT_EQ(runs(), 2u);
    EXPECT_EQ(second->results.at(target).layers, first->results.at(target).layers);
    EXPECT_EQ(read_result(*second, target, "/from/made"), "two");
    EXPECT_THAT(remarks(*second), IsEmpty());
    for (const auto& [step, outcome] : second->outcomes) EXPECT_EQ(outcome, StepOutcome::cached);
  }
}

TEST_F(StepCache, OnlyLayersOfTheResultAreFetched) {
  const auto target = project();
  write_cache();
  const auto first = solved(target);
  const std::size_t in_result = first->results.at(target).layers.size();
  EXPECT_EQ(layers_in_store(), in_result + 1);
  use_store("second");
  read_cache();
  solved(target);
  EXPECT_EQ(std::distance(fs::directory_iterator(store->paths().layers()), {}),
            static_cast<std::ptrdiff_t>(in_result));
}

TEST_F(StepCache, ChangedSourceFetchesWhatTheNextStepNeeds) {
  auto target = project();
  write_cache();
  solved(target);
  use_store("second");
  read_cache();
  const auto more = run(target, "three", "RUN three");
  const auto result = solved(more);
  EXPECT_EQ(runs(), 3u);
  EXPECT_EQ(read_result(*result, more, "/made"), "three");
  EXPECT_EQ(read_result(*result, more, "/from/made"), "two");
}

TEST_F(StepCache, WhatACacheSaysCountsOnlyForBuildsThatNameIt) {
  const auto target = run(scratch(), "one");
  write_cache();
  solved(target);
  use_store("second");
  read_cache();
  EXPECT_TRUE(hits(target));
  EXPECT_TRUE(hits(target));
  before = nullptr;
  EXPECT_FALSE(hits(target));
  EXPECT_EQ(runs(), 2u);
}

TEST_F(StepCache, DamagedLayerRunsItsStepAgainWithOneWarning) {
  const auto target = project();
  write_cache({.compression = archive::Compression::none});
  solved(target);
  for (const auto& path : blobs(1024)) {
    if (os::read_file(path)->starts_with("{")) continue;
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(600);
    file << "damaged";
  }
  use_store("second");
  read_cache();
  const auto second = solved(target);
  EXPECT_EQ(runs(), 4u);
  EXPECT_EQ(read_result(*second, target, "/from/made"), "two");
  ASSERT_THAT(remarks(*second), SizeIs(1));
  EXPECT_THAT(remarks(*second)[0], HasSubstr("its step runs"));
  before = nullptr;
  EXPECT_TRUE(hits(target));
}

TEST_F(StepCache, MissingLayerRunsItsStepAgain) {
  const auto target = project();
  write_cache();
  solved(target);
  for (const auto& path : blobs())
    if (!os::read_file(path)->starts_with("{")) fs::remove(path);
  use_store("second");
  read_cache();
  const auto second = solved(target);
  EXPECT_EQ(runs(), 4u);
  EXPECT_THAT(remarks(*second), SizeIs(1));
}

/// Whoever moves names about gets no step's result taken for another's.
TEST_F(StepCache, ManifestUnderAnotherKeyIsNotBelieved) {
  const auto one = run(scratch(), "one"), two = run(scratch(), "two", "RUN two");
  write_cache();
  solved(one);
  solved(two);
  std::string index = *os::read_file(cache_path() + "/index.json");
  const auto tags = [&] {
    std::vector<std::size_t> out;
    const std::string name = R"("org.opencontainers.image.ref.name":")";
    for (auto at = index.find(name); at != std::string::npos; at = index.find(name, at + 1))
      if (index.compare(at + name.size(), 6, "build-") != 0) out.push_back(at + name.size());
    return out;
  }();
  ASSERT_THAT(tags, SizeIs(2));
  const std::string first = index.substr(tags[0], 64);
  index.replace(tags[0], 64, index.substr(tags[1], 64));
  index.replace(tags[1], 64, first);
  ASSERT_TRUE(os::write_file_atomically(cache_path() + "/index.json", index).ok());
  use_store("second");
  read_cache();
  reads_ahead = false;
  const auto result = solved(one);
  EXPECT_EQ(read_result(*result, one, "/made"), "one");
  EXPECT_EQ(runs(), 3u);
  ASSERT_THAT(remarks(*result), SizeIs(1));
  EXPECT_THAT(remarks(*result)[0], HasSubstr("is of another step"));
}

TEST_F(StepCache, RecordsAreWrittenWithoutLayersThatAreNotWanted) {
  const auto target = project();
  const auto first = solved(target);
  const auto& layers = first->results.at(target).layers;
  write_cache({.only = std::set<oci::DiffId>(layers.begin(), layers.end())});
  solved(target);
  EXPECT_EQ(report.layers, layers.size());
  const std::size_t steps = report.keys;
  EXPECT_EQ(report.written, steps);
  use_store("second");
  read_cache();
  const auto second = solved(target);
  EXPECT_EQ(runs(), 2u);
  EXPECT_EQ(layers_in_store(), layers.size());
  const auto more = copy(target, run(scratch(), "two", "RUN two"), {copying("/made", "/again/")});
  const auto third = solved(more);
  EXPECT_EQ(runs(), 3u) << "its files are needed now";
  EXPECT_THAT(remarks(*third), IsEmpty());
  EXPECT_EQ(read_result(*third, more, "/again/made"), "two");
}

TEST_F(StepCache, LayersComeLaterToTheirRecords) {
  const auto target = project();
  write_cache({.only = std::set<oci::DiffId>()});
  solved(target);
  EXPECT_EQ(report.layers, 0u);
  const std::size_t steps = report.keys;
  write_cache();
  solved(target);
  EXPECT_EQ(report.layers, 4u);
  EXPECT_EQ(report.written, steps);
  write_cache({.only = std::set<oci::DiffId>()});
  solved(target);
  EXPECT_EQ(report.written, 0u);
}

TEST_F(StepCache, WhatTheCacheHasIsNotSentAgain) {
  const auto target = project();
  write_cache();
  solved(target);
  EXPECT_EQ(report.layers, 4u);
  const std::size_t steps = report.keys;
  solved(target);
  EXPECT_EQ(report.layers, 0u);
  EXPECT_EQ(report.written, 0u);
  EXPECT_EQ(report.keys, steps);
}

TEST_F(StepCache, ABuildThatHitsByOneKeyHandsOnTheOther) {
  const auto target = project();
  solved(target);
  write_cache();
  solved(target);  // hits by the layers that it copies from
  use_store("second");
  read_cache();
  // Another stage that made the same file.
  write("f", std::string(5000, 'f'));
  const auto other = run(run(scratch(), "zero", "RUN zero"), "two", "RUN two again");
  const auto same = copy(run(copy("f"), "one"), other, {copying("/made", "/from/")});
  const auto result = solved(same);
  EXPECT_EQ(result->outcomes.at(same), StepOutcome::cached);
}

TEST_F(StepCache, ResultOfANewRunTakesTheOldOnesPlace) {
  const auto target = run(scratch(), "one");
  write_cache();
  solved(target);
  salt = " again";
  cache = solver::UseCache::ignore;
  solved(target);
  cache = solver::UseCache::use;
  use_store("second");
  read_cache();
  const auto result = solved(target);
  EXPECT_EQ(read_result(*result, target, "/made"), "one again");
}

TEST_F(StepCache, ManyWritersLoseNothing) {
  std::vector<std::jthread> writers;
  constexpr int kWriters = 8;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      auto storage = LocalStorage::open_for_writing(cache_path()).value();
      for (int n = 0; n < 5; ++n)
        EXPECT_TRUE(
            storage->put_manifest(fmt::format("{}-{}", i, n), fmt::format("{{\"n\":{}}}", i), {})
                .ok());
      EXPECT_TRUE(storage->commit().ok());
    });
  }
  writers.clear();
  auto storage = LocalStorage::open(cache_path()).value();
  for (int i = 0; i < kWriters; ++i) {
    for (int n = 0; n < 5; ++n) {
      const auto there = storage->find_manifest(fmt::format("{}-{}", i, n), {});
      ASSERT_TRUE(there.ok() && *there) << i << " " << n;
      EXPECT_EQ(**there, fmt::format("{{\"n\":{}}}", i));
    }
  }
}

/// A server that fails in one way or another.
class FailingStorage final : public Storage {
 public:
  explicit FailingStorage(std::string answer) : answer_(std::move(answer)) {}
  const std::string& name() const override { return name_; }
  const oci::Reference* repository() const override { return nullptr; }
  Result<std::optional<std::string>> find_manifest(const std::string&,
                                                   const std::stop_token&) override {
    if (answer_.empty()) return Error(ErrorKind::unreachable, "nobody listens");
    return std::optional(answer_);
  }
  Result<void> fetch_blob(const oci::Descriptor&, archive::ByteSink&,
                          const std::stop_token&) override {
    return Error(ErrorKind::unreachable, "nobody listens");
  }
  Result<bool> has_blob(const oci::Digest&, const std::stop_token&) override { return false; }
  Result<void> put_blob(registry::BlobContent&, const std::stop_token&) override { return {}; }
  Result<void> put_manifest(const std::string&, const std::string&,
                            const std::stop_token&) override {
    return {};
  }
  Result<void> commit() override { return {}; }

 private:
  std::string name_ = "the cache", answer_;
};

TEST_F(StepCache, WhatCannotBeReadIsOneWarning) {
  const auto target = project();
  for (
      const std::string answer :
      {"", "no JSON", R"({"schemaVersion":2,"config":{},"layers":[]})",
       R"({"schemaVersion":2,"config":{"mediaType":"application/vnd.kiln.cache.steps.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[{"mediaType":"x","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2,"annotations":{"io.kiln.cache.key":"../../x"}}]})"}) {
    use_store("store" + std::to_string(answer.size()));
    warnings.clear();
    before = [&](solver::SolveContext& context, llb::VertexId id) {
      auto importer =
          std::make_unique<Importer>(*store, std::make_unique<FailingStorage>(answer),
                                     [this](const std::string& text) { warnings.push_back(text); });
      importer->read_ahead(build_tag(graph, {id}));
      context.imports.push_back(std::move(importer));
    };
    const auto result = solved(target);
    EXPECT_EQ(read_result(*result, target, "/from/made"), "two");
    EXPECT_THAT(remarks(*result), SizeIs(1)) << answer;
  }
}

}  // namespace
}  // namespace kiln::cache
