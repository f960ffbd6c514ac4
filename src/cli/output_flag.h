// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "cli/output_annotations.h"
#include "oci/reference.h"
#include "transport/image_copy.h"

namespace kiln::cli {

/// One result that a build is to have: what `-o` says, in BuildKit's words.
struct BuildOutput {
  enum class Type {
    image,       ///< in the store, and at a registry if `push`
    oci,         ///< an OCI image layout, as an archive or a directory
    docker,      ///< the same with docker's manifest.json
    tar,         ///< the files, as an archive
    local,       ///< the files, in a directory
    cache_only,  ///< none
  };
  Type type = Type::image;
  std::string destination;    ///< `-` is standard output
  bool as_directory = false;  ///< of oci and docker: tar=false
  std::vector<oci::Reference> names;
  bool store = true, push = false, push_by_digest = false, insecure = false;
  bool rewrite_timestamp = false;
  /// Of a directory: delete what is not of the result.
  bool remove_others = false;
  /// Known by NAME@DIGEST too.
  bool name_canonical = false;
  /// A repository whose NAME@DIGEST it is known by, even if it has names, or only if it has none.
  std::optional<oci::Reference> dangling_prefix;
  bool dangling_only_without_name = false;
  std::optional<bool> platform_split;
  std::optional<std::int64_t> source_date_epoch;
  transport::LayerForm form;
  transport::ManifestFormat format = transport::ManifestFormat::oci;
  OutputAnnotations annotations;

  bool is_files() const { return type == Type::tar || type == Type::local; }
};

/// What the flags of a build say of its results.
struct OutputFlags {
  std::vector<std::string> outputs, annotations;
  bool push = false, load = false;
};

/// `compression`, as BuildKit and podman call them; kind unsupported for what is only read.
Result<archive::Compression> parse_compression(std::string_view word);
/// Checked for a compression: 0-9 for gzip, 0-22 for zstd.
Result<int> parse_compression_level(std::string_view text,
                                    std::optional<archive::Compression> compression);

/// The same two as flags of a command, each of which may be empty.
Result<transport::LayerForm> parse_layer_form(const std::string& compression,
                                              const std::string& level, bool force);
/// skopeo's words; empty keeps what there is.
Result<transport::ManifestFormat> parse_manifest_format(std::string_view word);

/// Never empty: without flags, the image in the store. `tags` name what is an image. `warnings` get
/// what is taken and has no effect.
Result<std::vector<BuildOutput>> parse_outputs(const OutputFlags& flags,
                                               const std::vector<std::string>& tags,
                                               std::vector<std::string>& warnings);

}  // namespace kiln::cli
