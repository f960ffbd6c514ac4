// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_match.h"

#include <algorithm>
#include <set>

#include "cache/buildkit_content.h"

namespace kiln::cache {
namespace {

using Matches = BuildkitRecords::Matches;
using Outcome = BuildkitRecords::Outcome;

bool has_layers(const Outcome& outcome, const std::vector<oci::DiffId>& layers) {
  return std::ranges::equal(outcome.layers, layers, {}, &BuildkitLayer::diff_id);
}

bool same_layers(const Outcome& a, const Outcome& b) {
  return std::ranges::equal(a.layers, b.layers, {}, &BuildkitLayer::diff_id,
                            &BuildkitLayer::diff_id);
}

class Matcher {
 public:
  Matcher(const BuildkitRecords& records, solver::SolveContext& context, const llb::Graph& graph,
          const oci::Platform& host, const std::stop_token& stop)
      : records_(&records), context_(&context), graph_(&graph), host_(&host), stop_(&stop) {}

  Result<std::map<llb::VertexId, BuildkitMatch>> run(const std::vector<llb::VertexId>& targets) {
    for (const llb::VertexId id : graph_->needed_by(targets)) matches_[id] = TRY(match(id));
    for (const llb::VertexId id : targets) visit(id);
    return std::move(out_);
  }

 private:
  // --- from the sources up: which records stand for a vertex

  Result<Matches> match(llb::VertexId id) {
    const llb::Vertex& vertex = graph_->vertex(id);
    if (const auto* image = std::get_if<llb::ImageSource>(&vertex.op)) {
      if (graph_->is_scratch(id)) return Matches();
      return records_->find(buildkit_image_record(image->layers), {});
    }
    if (vertex.ignore_cache || context_->cache == solver::UseCache::ignore) return Matches();
    if (is_merge_with_nothing(*graph_, id)) return matches_[vertex.inputs[1]];
    Matches out;
    for (const auto& op : {buildkit_op(*graph_, id, *host_), unmerged_buildkit_op(*graph_, id)}) {
      if (!op) continue;
      const Matches found = TRY(find(id, *op));
      out.insert(found.begin(), found.end());
    }
    return out;
  }

  Result<Matches> find(llb::VertexId id, const BuildkitOp& op) {
    if (!records_->has(op.record)) return Matches();
    std::vector<BuildkitRecords::Choices> inputs;
    for (const auto& input : op.inputs) {
      BuildkitRecords::Choices& choices = inputs.emplace_back();
      const Matches known =
          input.root.empty() ? matches_[input.vertex] : records_->find(input.root, {});
      for (const std::size_t record : known) choices.insert({record, input.selector});
      const Matches same = TRY(by_content(id, input));
      for (const std::size_t record : same) choices.insert({record, {}});
    }
    return records_->find(op.record, inputs);
  }

  /// What is known of the files that are read of a context.
  Result<Matches> by_content(llb::VertexId id, const BuildkitInput& input) {
    const auto files = TRY(read_context_files(*context_, *graph_, input, *stop_));
    if (!files) return Matches();
    files_[id].push_back(*files);
    return records_->find(buildkit_content_record(files->checksum), {});
  }

  // --- from the targets down: what is taken

  void visit(llb::VertexId id, const Outcome* implied = nullptr) {
    const llb::Vertex& vertex = graph_->vertex(id);
    if (!visited_.insert(id).second) return;
    if (is_merge_with_nothing(*graph_, id)) return visit(vertex.inputs[1], implied);
    const Outcome* found = records_->outcome(matches_[id]);
    // What the step above says of this one is as good as a record of its own.
    const bool is_same = implied != nullptr && found != nullptr && same_layers(*implied, *found);
    if (implied != nullptr && !is_same && !matches_[id].empty()) found = implied;
    const bool is_taken = found != nullptr && !vertex.inputs.empty() && take(id, *found);
    for (std::size_t i = is_taken ? 1 : 0; i < vertex.inputs.size(); ++i) visit(vertex.inputs[i]);
  }

  /// A step adds one layer to those of its first input, which must be what they are there.
  bool take(llb::VertexId id, const Outcome& found) {
    const llb::VertexId base = graph_->vertex(id).inputs.front();
    Outcome below = found;
    below.layers.pop_back();
    if (const auto* image = std::get_if<llb::ImageSource>(&graph_->vertex(base).op)) {
      if (!has_layers(below, image->layers)) return false;
    }
    out_.emplace(id, BuildkitMatch{found, files_[id]});
    visit(base, below.layers.empty() ? nullptr : &below);
    return true;
  }

  const BuildkitRecords* records_;
  solver::SolveContext* context_;
  const llb::Graph* graph_;
  const oci::Platform* host_;
  const std::stop_token* stop_;
  std::map<llb::VertexId, Matches> matches_;
  std::map<llb::VertexId, std::vector<BuildkitMatch::Files>> files_;
  std::set<llb::VertexId> visited_;
  std::map<llb::VertexId, BuildkitMatch> out_;
};

}  // namespace

Result<std::map<llb::VertexId, BuildkitMatch>> match_buildkit_records(
    const BuildkitRecords& records, solver::SolveContext& context, const llb::Graph& graph,
    const std::vector<llb::VertexId>& targets, const oci::Platform& host,
    const std::stop_token& stop) {
  if (records.empty()) return std::map<llb::VertexId, BuildkitMatch>();
  return Matcher(records, context, graph, host, stop).run(targets);
}

Result<std::optional<BuildkitMatch::Files>> read_context_files(solver::SolveContext& context,
                                                               const llb::Graph& graph,
                                                               const BuildkitInput& input,
                                                               const std::stop_token& stop) {
  std::optional<BuildkitMatch::Files> none;
  if (input.files.empty() || !input.root.empty()) return none;
  const auto* local = std::get_if<llb::LocalSource>(&graph.vertex(input.vertex).op);
  if (local == nullptr) return none;
  auto checksum = TRY(buildkit_checksum(context.context_tree(local->name), input.files, stop));
  if (!checksum) return none;
  return std::optional(BuildkitMatch::Files{local->name, input.files, *std::move(checksum)});
}

Result<bool> is_unchanged(solver::SolveContext& context,
                          const std::vector<BuildkitMatch::Files>& files,
                          const std::stop_token& stop) {
  for (const auto& read : files) {
    const auto now = TRY(buildkit_checksum(context.context_tree(read.context), read.files, stop));
    if (now != read.checksum) return false;
  }
  return true;
}

bool is_merge_with_nothing(const llb::Graph& graph, llb::VertexId vertex) {
  const llb::Vertex& it = graph.vertex(vertex);
  return std::holds_alternative<llb::MergeOp>(it.op) && graph.is_scratch(it.inputs.front());
}

}  // namespace kiln::cache
