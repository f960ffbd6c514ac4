// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stop_token>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/index_entry.h"
#include "oci/reference.h"
#include "registry/registry.h"
#include "registry/repository.h"

namespace kiln::transport {

/// Annotation of an attestation in an index: the digest of the image that it is about.
inline constexpr const char* kSubject = "vnd.docker.reference.digest";

/// A manifest at a registry that goes into an index.
struct IndexPart {
  oci::IndexEntry entry;
  oci::Reference from;  ///< its repository
};

/// What a reference names at its registry.
struct NamedManifest {
  oci::IndexEntry entry;  ///< of a manifest, with the platform of its config; not normalised
  std::string content;
  bool is_index() const { return oci::media_type::is_index(entry.media_type); }
};
Result<NamedManifest> read_named_manifest(registry::Registries& registries,
                                          const oci::Reference& reference, std::stop_token stop);

/// What a config says of its platform; `config` is JSON.
Result<oci::IndexEntry::Platform> platform_of_config(std::string_view config);

/// Makes a part's manifest, and all that it needs, part of another repository; nothing is sent that
/// is there. `to`'s tag doesn't matter.
Result<void> copy_part(registry::Registries& registries, const IndexPart& part,
                       const oci::Reference& to, std::stop_token stop);

/// Puts a manifest or index whose parts are there under `to`'s tag, or its digest alone.
Result<void> put_index(registry::Registries& registries, const oci::Reference& to,
                       const std::string& media_type, const std::string& content,
                       std::stop_token stop);

}  // namespace kiln::transport
