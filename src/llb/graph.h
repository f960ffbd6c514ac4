// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "llb/op.h"

namespace kiln::llb {

using VertexId = std::size_t;

/// Where a vertex comes from, for people; outside its identity.
struct Origin {
  std::string name;         ///< in progress output: `[build 2/4] RUN make`
  std::string instruction;  ///< as written: `RUN make`
  std::string excerpt;      ///< the quoted lines of the Dockerfile
  std::string location;     ///< `Dockerfile:7`
  std::string place = {};   ///< stage and step within a Dockerfile whose text may change: `build:2`
  std::vector<std::string> args = {};  ///< which variables of an environment are build arguments
  /// `excerpt` with a caret below one word, by how an error about that word begins.
  std::map<std::string, std::string> focused = {};
};

struct Vertex {
  Op op;
  /// Of exec and file ops, input 0 is the root file system; of merges, the lowest one.
  std::vector<VertexId> inputs;
  Origin origin;
  bool ignore_cache = false;  ///< run again whatever is in the cache; outside its identity
};

/// A directed graph without cycles: inputs have smaller ids than what uses them.
class Graph {
 public:
  /// A vertex that is equal to one before (same op, same inputs) is that one.
  VertexId add(Vertex vertex);
  const Vertex& vertex(VertexId id) const { return vertices_[id]; }
  std::size_t size() const { return vertices_.size(); }
  /// Whether it is an image without a file.
  bool is_scratch(VertexId id) const;
  /// The vertices that the targets need, themselves included, inputs first.
  std::vector<VertexId> needed_by(VertexId target) const { return needed_by(std::vector{target}); }
  std::vector<VertexId> needed_by(const std::vector<VertexId>& targets) const;
  /// The vertex itself if progress output shows it (it has a name), else the nearest such ones that
  /// it is made of.
  std::vector<VertexId> shown(VertexId id) const;

 private:
  std::vector<Vertex> vertices_;
  std::map<std::string, VertexId> by_identity_;
};

}  // namespace kiln::llb
