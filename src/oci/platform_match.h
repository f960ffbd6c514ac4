// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <vector>

#include "oci/manifest.h"
#include "oci/platform.h"

namespace kiln::oci {

/// How well what is made for `offered` serves where `wanted` is asked for, as containerd ranks it:
/// 0 is the platform itself, more is worse, nullopt for what doesn't run there. Lower variants run
/// on higher ones, programs of 386 on amd64, those of arm on arm64.
std::optional<unsigned> platform_rank(const Platform& offered, const Platform& wanted);
/// Whether programs for `platform` can't run on `host` but by emulation. Variants don't count: a
/// machine may have more than the usual one.
bool is_foreign(const Platform& platform, const Platform& host);
bool platform_fits(const Platform& offered, const Platform& wanted);

/// Of an index, the manifest that fits `wanted` best; nullopt if none does. What says that it is
/// for no platform (attestations) never fits.
std::optional<Descriptor> choose_manifest(const std::vector<Descriptor>& manifests,
                                          const Platform& wanted);

/// An entry of an index that is no image but a statement about one, as BuildKit makes them.
bool is_attestation(const Descriptor& manifest);

}  // namespace kiln::oci
