// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "llb/graph.h"
#include "oci/digest.h"
#include "oci/platform.h"

/// BuildKit's names of the steps of a build, made of a graph of kiln's: the digests that its caches
/// are searched by. One is made field by field as BuildKit's frontend and solver make it of the
/// same instruction; what differs in any field has another digest, and is not found.
namespace kiln::cache {

/// Files of an input that a step reads, where they count by content.
struct BuildkitFiles {
  std::string path;       ///< absolute; with wildcards a pattern
  bool wildcard = false;  ///< as Go's path.Match
  bool follow_links = true;
  std::vector<std::string> include = {}, exclude = {};  ///< as lines of .dockerignore, below it
};

/// What a step stands on.
struct BuildkitInput {
  llb::VertexId vertex = 0;
  /// In place of a vertex: the record of something that has no inputs itself.
  std::string root = {};
  std::string selector = {};              ///< which part of it, as a digest; empty: none is named
  std::vector<BuildkitFiles> files = {};  ///< empty: it does not count by content
};

struct BuildkitOp {
  std::string record;  ///< of its result
  std::vector<BuildkitInput> inputs;
};

/// The op of a vertex that is a step of BuildKit's too, for a build on `host`. nullopt for one that
/// is none, such as a build context or a squashed image, and for what BuildKit has no name for that
/// could be known here: what depends on SOURCE_DATE_EPOCH, on files by http or from git, on
/// devices, added hosts, limits and folders of the machine.
std::optional<BuildkitOp> buildkit_op(const llb::Graph& graph, llb::VertexId vertex,
                                      const oci::Platform& host);

/// COPY --link where BuildKit can't merge layers: a copy onto what is there. nullopt for other
/// vertices.
std::optional<BuildkitOp> unmerged_buildkit_op(const llb::Graph& graph, llb::VertexId vertex);

/// The record of an image's root file system: of its layers.
std::string buildkit_image_record(const std::vector<oci::DiffId>& layers);
/// The record of files with this checksum.
std::string buildkit_content_record(const std::string& checksum);

}  // namespace kiln::cache
