// SPDX-License-Identifier: Apache-2.0
#include "llb/graph.h"

#include <algorithm>

#include "base/check.h"
#include "llb/encoder.h"

namespace kiln::llb {

VertexId Graph::add(Vertex vertex) {
  Encoder identity;
  identity.field("op", encode(vertex.op));
  for (const VertexId input : vertex.inputs) {
    CHECK(input < vertices_.size());
    identity.field("input", static_cast<std::int64_t>(input));
  }
  const auto [entry, added] = by_identity_.try_emplace(identity.text(), vertices_.size());
  if (added) {
    vertices_.push_back(std::move(vertex));
  } else if (vertex.ignore_cache) {
    vertices_[entry->second].ignore_cache = true;
  }
  return entry->second;
}

bool Graph::is_scratch(VertexId id) const {
  const auto* image = std::get_if<ImageSource>(&vertices_[id].op);
  return image != nullptr && image->layers.empty();
}

std::vector<VertexId> Graph::needed_by(const std::vector<VertexId>& targets) const {
  std::vector<bool> needed(vertices_.size());
  for (const VertexId target : targets) needed[target] = true;
  for (VertexId id = vertices_.size(); id-- > 0;) {
    if (!needed[id]) continue;
    for (const VertexId input : vertices_[id].inputs) needed[input] = true;
  }
  std::vector<VertexId> out;
  for (VertexId id = 0; id < vertices_.size(); ++id) {
    if (needed[id]) out.push_back(id);
  }
  return out;
}

std::vector<VertexId> Graph::shown(VertexId id) const {
  if (!vertices_[id].origin.name.empty()) return {id};
  std::vector<VertexId> out;
  for (const VertexId input : vertices_[id].inputs) {
    for (const VertexId each : shown(input)) {
      if (std::ranges::find(out, each) == out.end()) out.push_back(each);
    }
  }
  return out;
}

}  // namespace kiln::llb
