// SPDX-License-Identifier: Apache-2.0
#include "cache/buildkit_export.h"

#include "cache/buildkit_content.h"

namespace kiln::cache {
namespace {

using nlohmann::json;

/// A list of records while it grows.
class RecordList {
 public:
  /// The number of a record that stands on nothing, which is there once.
  std::size_t root(const std::string& digest) {
    const auto [at, added] = roots_.try_emplace(digest, list_.size());
    if (added) list_.push_back({{"digest", digest}});
    return at->second;
  }
  std::size_t add(json record) {
    list_.push_back(std::move(record));
    return list_.size() - 1;
  }
  json take() { return std::move(list_); }

 private:
  json list_ = json::array();
  std::map<std::string, std::size_t> roots_;
};

json link_to(std::size_t record, const std::string& selector) {
  json out = {{"link", record}};
  if (!selector.empty()) out["selector"] = selector;
  return out;
}

}  // namespace

Result<BuildkitExport> BuildkitExport::prepare(solver::SolveContext& context,
                                               const llb::Graph& graph,
                                               const std::vector<llb::VertexId>& targets,
                                               const oci::Platform& host,
                                               const std::stop_token& stop) {
  BuildkitExport out;
  for (const llb::VertexId id : graph.needed_by(targets)) {
    Step step;
    step.vertex = id;
    const llb::Vertex& vertex = graph.vertex(id);
    if (const auto* image = std::get_if<llb::ImageSource>(&vertex.op)) {
      if (!graph.is_scratch(id)) step.root = buildkit_image_record(image->layers);
    } else if (is_merge_with_nothing(graph, id)) {
      step.same_as = vertex.inputs[1];
    } else {
      for (auto& op : {buildkit_op(graph, id, host), unmerged_buildkit_op(graph, id)}) {
        if (!op) continue;
        Name& name = step.names.emplace_back(Name{*op, {}});
        for (const auto& input : name.op.inputs) {
          const auto files = TRY(read_context_files(context, graph, input, stop));
          name.contents.push_back(files ? buildkit_content_record(files->checksum) : std::string());
          if (files) step.files.push_back(*files);
        }
      }
    }
    out.steps_.push_back(std::move(step));
  }
  return out;
}

Result<json> BuildkitExport::records(solver::SolveContext& context, const Results& results,
                                     const Place& place, const std::stop_token& stop) const {
  RecordList list;
  std::map<llb::VertexId, std::vector<std::size_t>> known;
  for (const auto& step : steps_) {
    std::vector<std::size_t>& own = known[step.vertex];
    if (!step.root.empty()) own = {list.root(step.root)};
    if (step.same_as) own = known[*step.same_as];
    if (step.names.empty()) continue;
    const bool is_same = TRY(is_unchanged(context, step.files, stop));
    if (!is_same) continue;
    const auto result = results.find(step.vertex);
    for (const auto& name : step.names) {
      json record = {{"digest", name.op.record}};
      bool is_whole = true;
      for (std::size_t i = 0; i < name.op.inputs.size(); ++i) {
        const BuildkitInput& input = name.op.inputs[i];
        json links = json::array();
        if (!input.root.empty()) {
          links.push_back(link_to(list.root(input.root), input.selector));
        } else {
          for (const std::size_t number : known[input.vertex])
            links.push_back(link_to(number, input.selector));
        }
        if (!name.contents[i].empty()) links.push_back(link_to(list.root(name.contents[i]), {}));
        is_whole = is_whole && !links.empty();
        record["inputs"].push_back(std::move(links));
      }
      if (!is_whole) continue;
      if (result != results.end()) {
        if (const auto placed = place(result->second)) record.update(*placed);
      }
      own.push_back(list.add(std::move(record)));
    }
  }
  return list.take();
}

}  // namespace kiln::cache
