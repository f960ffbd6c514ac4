// SPDX-License-Identifier: Apache-2.0
#include "solver/solver.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <set>
#include <span>
#include <thread>

#include "os/system.h"
#include "solver/offers.h"
#include "solver/run_op.h"

namespace kiln::solver {
namespace {

/// A failed step's error as the user reads it: where it stands, what it was, and the quoted lines.
Error located(const llb::Vertex& vertex, Error error) {
  const llb::Origin& origin = vertex.origin;
  if (origin.location.empty()) return error;
  const int code = error.exit_code();
  const std::string hint = error.hint();
  const std::string* excerpt = &origin.excerpt;
  // A longer beginning comes after the shorter one, and fits better.
  for (const auto& [beginning, shown] : origin.focused) {
    if (error.message().starts_with(beginning)) excerpt = &shown;
  }
  std::string text =
      fmt::format("{}: {}: {}\n{}", origin.location, origin.instruction, error.message(), *excerpt);
  return Error(error.kind(), std::move(text)).with_hint(hint).with_exit_code(code);
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\n')); }

/// The graph's state belongs to the thread that calls run(). Workers get one vertex at a time and
/// hand back its result; nothing else is shared between them.
class Scheduler {
 public:
  Scheduler(SolveContext& context, const llb::Graph& graph,
            const std::vector<llb::VertexId>& targets)
      : context_(&context),
        graph_(&graph),
        taken_whole_(vertices_taken_whole(context, graph)),
        needed_(needed_vertices(graph, targets, taken_whole_)) {}

  Result<std::map<llb::VertexId, StepResult>> run(unsigned jobs, const std::stop_token& stop) {
    for (const llb::VertexId id : needed_) {
      waiting_[id] = inputs_of(id).size();
      for (const llb::VertexId input : inputs_of(id)) dependents_[input].push_back(id);
      if (reads_files(id)) ++readers_;
    }
    const std::stop_callback on_stop(stop, [this] { steps_stop_.request_stop(); });
    {
      std::vector<std::jthread> workers;
      for (unsigned i = 0; i < std::max(1u, jobs); ++i) workers.emplace_back([this] { work(); });
      schedule(stop);
      {
        const std::lock_guard lock(mutex_);
        ended_ = true;
      }
      given_.notify_all();
    }
    if (failure_) return *std::move(failure_);
    return std::move(results_);
  }

 private:
  struct Task {
    llb::VertexId id;
    std::vector<const StepResult*> inputs;
  };
  struct Done {
    llb::VertexId id;
    Result<StepOutcomeResult> outcome;
  };

  /// Those that are needed.
  std::span<const llb::VertexId> inputs_of(llb::VertexId id) const {
    const std::span<const llb::VertexId> all = graph_->vertex(id).inputs;
    return taken_whole_.contains(id) ? all.first(1) : all;
  }

  void schedule(const std::stop_token& stop) {
    for (const llb::VertexId id : needed_) {
      if (waiting_[id] == 0) start(id);
    }
    while (running_ > 0) {
      Done done = next_done();
      --running_;
      finish(std::move(done));
      if (stop.stop_requested() && !failure_)
        failure_ = Error(ErrorKind::cancelled, "build cancelled");
    }
  }

  void start(llb::VertexId id) {
    Task task{id, {}};
    for (const llb::VertexId input : inputs_of(id)) task.inputs.push_back(&results_.at(input));
    ++running_;
    {
      const std::lock_guard lock(mutex_);
      tasks_.push_back(std::move(task));
    }
    given_.notify_one();
  }

  void finish(Done done) {
    if (!done.outcome) {
      if (!failure_) failure_ = std::move(done.outcome).error();
      steps_stop_.request_stop();
      return;
    }
    // std::map: results keep their address while others are added.
    results_.emplace(done.id, std::move(done.outcome->result));
    for (const llb::VertexId dependent : dependents_[done.id]) {
      if (--waiting_[dependent] == 0 && !failure_) start(dependent);
    }
    // Nothing more is learnt of the contexts: that can be written while other steps run.
    if (reads_files(done.id) && --readers_ == 0 && running_ > 0)
      saving_ = std::jthread([this] { context_->save_contexts(); });
  }

  bool reads_files(llb::VertexId id) const {
    return std::ranges::any_of(graph_->vertex(id).inputs, [this](llb::VertexId input) {
      return llb::gives_files(graph_->vertex(input).op);
    });
  }

  Done next_done() {
    std::unique_lock lock(mutex_);
    finished_.wait(lock, [&] { return !done_.empty(); });
    Done done = std::move(done_.front());
    done_.pop_front();
    return done;
  }

  void work() {
    for (;;) {
      std::unique_lock lock(mutex_);
      given_.wait(lock, [&] { return ended_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      Done done{task.id, run_task(task)};
      lock.lock();
      done_.push_back(std::move(done));
      lock.unlock();
      finished_.notify_one();
    }
  }

  Result<StepOutcomeResult> run_task(const Task& task) {
    const llb::Vertex& vertex = graph_->vertex(task.id);
    const std::stop_token stop = steps_stop_.get_token();
    if (stop.stop_requested()) return Error(ErrorKind::cancelled, "build cancelled");
    const bool shown = !vertex.origin.name.empty();
    if (shown) report(StepStarted{task.id, vertex.origin.name, shown_inputs(vertex)});
    const StepInputs inputs{vertex, task.inputs, task.id, stop};
    const bool is_taken = taken_whole_.contains(task.id);
    auto outcome = is_taken ? take_whole(*context_, inputs) : run_op(*context_, inputs);
    if (!outcome) {
      // What is to be done again has not failed.
      const bool cancelled = outcome.error().kind() == ErrorKind::cancelled || is_taken ||
                             context_->imported.has_taken_back();
      if (shown)
        report(StepEnded{task.id, cancelled ? StepOutcome::cancelled : StepOutcome::failed,
                         first_line(outcome.error().message())});
      return located(vertex, std::move(outcome).error());
    }
    if (!is_taken) outcome->result.makers = makers_of(inputs, outcome->result.layers.size());
    if (shown)
      report(StepEnded{task.id, outcome->cached ? StepOutcome::cached : StepOutcome::done, {}});
    return outcome;
  }

  std::vector<StepId> shown_inputs(const llb::Vertex& vertex) const {
    std::vector<StepId> out;
    for (const llb::VertexId id : vertex.inputs) {
      for (const StepId each : graph_->shown(id)) {
        if (std::ranges::find(out, each) == out.end()) out.push_back(each);
      }
    }
    return out;
  }

  void report(const ProgressEvent& event) { context_->report(event); }

  SolveContext* context_;
  const llb::Graph* graph_;
  std::set<llb::VertexId> taken_whole_;
  std::vector<llb::VertexId> needed_;
  // The scheduling thread's alone:
  std::map<llb::VertexId, std::size_t> waiting_;
  std::map<llb::VertexId, std::vector<llb::VertexId>> dependents_;
  std::map<llb::VertexId, StepResult> results_;
  std::size_t running_ = 0;
  std::size_t readers_ = 0;  ///< vertices that read files of contexts and have not ended
  std::optional<Error> failure_;
  // Between the threads:
  std::stop_source steps_stop_;
  std::mutex mutex_;
  std::condition_variable given_;     ///< to the workers: tasks_, ended_
  std::condition_variable finished_;  ///< to the scheduling thread: done_
  std::deque<Task> tasks_;            // guarded by mutex_
  std::deque<Done> done_;             // guarded by mutex_
  bool ended_ = false;                // guarded by mutex_
  std::jthread saving_;
};

/// The targets' layers are in the store then if they are wanted, also those that a cache elsewhere
/// has.
Result<std::map<llb::VertexId, StepResult>> solve_once(SolveContext& context,
                                                       const llb::Graph& graph,
                                                       const std::vector<llb::VertexId>& targets,
                                                       unsigned jobs, const std::stop_token& stop) {
  collect_offers(context, graph, targets, stop);
  auto results = TRY(Scheduler(context, graph, targets).run(jobs, stop));
  if (context.wanted == Wanted::cache) return results;
  for (const llb::VertexId target : targets)
    TRY(context.ensure_layers(results.at(target).layers, stop));
  return results;
}

/// Which base images are worth fetching once a vertex was missed: those below it, and below what
/// depends on it.
std::map<const llb::Vertex*, std::vector<oci::DiffId>> find_bases_after(
    const SolveContext& context, const llb::Graph& graph,
    const std::vector<llb::VertexId>& targets) {
  // Each vertex's own, which its root file system stands on.
  std::map<llb::VertexId, std::set<oci::DiffId>> below;
  const std::vector<llb::VertexId> needed = needed_vertices(graph, targets, {});
  bool any = false;
  for (const llb::VertexId id : needed) {
    const llb::Vertex& vertex = graph.vertex(id);
    if (const auto* image = std::get_if<llb::ImageSource>(&vertex.op)) {
      for (const auto& layer : image->layers) {
        if (context.bases->offers(layer))
          below[id].insert(image->layers.begin(), image->layers.end());
      }
      any = any || below.contains(id);
    } else if (!vertex.inputs.empty()) {
      below[id] = below[vertex.inputs.front()];
    }
  }
  std::map<const llb::Vertex*, std::vector<oci::DiffId>> out;
  if (!any) return out;
  std::map<llb::VertexId, std::set<oci::DiffId>> after;
  for (auto id = needed.rbegin(); id != needed.rend(); ++id) {
    std::set<oci::DiffId>& mine = after[*id];
    mine.insert(below[*id].begin(), below[*id].end());
    for (const llb::VertexId input : graph.vertex(*id).inputs)
      after[input].insert(mine.begin(), mine.end());
    out[&graph.vertex(*id)].assign(mine.begin(), mine.end());
  }
  return out;
}

}  // namespace

Result<std::map<llb::VertexId, StepResult>> solve(SolveContext& context, const llb::Graph& graph,
                                                  const std::vector<llb::VertexId>& targets,
                                                  unsigned jobs, std::stop_token stop) {
  if (context.bases != nullptr) context.bases_after = find_bases_after(context, graph, targets);
  auto results = solve_once(context, graph, targets, jobs, stop);
  // A cache elsewhere did not keep its word, or offered what does not fit here: without that, once
  // more. There is less of it each time.
  std::size_t declined = 0;
  const auto is_less = [&] {
    const bool took_back = context.imported.took_back();
    return std::exchange(declined, context.declined.size()) < context.declined.size() || took_back;
  };
  while (!results && is_less() && !stop.stop_requested()) {
    for (auto& remark : context.imported.take_remarks())
      context.report(BuildWarning{std::move(remark)});
    results = solve_once(context, graph, targets, jobs, stop);
  }
  if (context.bases != nullptr) context.bases->stop_fetching();
  // What was read is worth remembering whether or not the build succeeded.
  context.save_contexts();
  (void)context.store.records().touch(context.used_keys, os::wall_clock().seconds).ok();
  return results;
}

}  // namespace kiln::solver
