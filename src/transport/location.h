// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "oci/reference.h"
#include "os/fd.h"
#include "registry/registry.h"
#include "store/store.h"
#include "transport/image_copy.h"
#include "transport/image_destination.h"
#include "transport/image_source.h"

namespace kiln::transport {

/// Where an image is or goes, in skopeo's words (containers-transports(5)):
/// `docker://NAME[:TAG|@DIGEST]`, `oci:DIR[:TAG|:@INDEX]`, `oci-archive:FILE[:TAG|:@INDEX]`,
/// `docker-archive:FILE[:NAME[:TAG]|:@INDEX]`, `dir:DIR`, and `store:NAME`, kiln's own store, for
/// which `containers-storage:` and `docker-daemon:` stand too.
struct Location {
  enum class Transport { registry, oci_layout, oci_archive, docker_archive, directory, store };
  Transport transport;
  std::string path;  ///< of a directory or file; of a store, the name or ID
  std::string tag;   ///< of a layout; of docker's archive, the name
  std::optional<oci::Reference> reference;
  std::string text;  ///< as given
  /// Of a layout: a directory that has its blobs, and others', in place of its own.
  std::string shared_blobs = {};
  /// Of docker's archive, besides its tag.
  std::vector<oci::Reference> more_names = {};

  /// Kind invalid_input for what is none, with the transports that there are.
  static Result<Location> parse(std::string_view text);
};

/// What opening takes. `registries` may be null where none is asked.
struct Access {
  store::Store* store;
  registry::Registries* registries;
  /// Whether what a name of the store leads to is one image, or an index with all that it lists.
  Instances instances = Instances::one;
  /// Of such an index, this platform's image; else the one that the name leads to.
  std::optional<oci::Platform> platform = {};
};

Result<std::unique_ptr<ImageSource>> open_source(const Location& location, const Access& access);
/// Calls `copy` with the destination. An archive gets its name when that has succeeded.
Result<void> with_destination(
    const Location& location, const Access& access,
    const std::function<Result<void>(ImageDestination& destination)>& copy);

}  // namespace kiln::transport
