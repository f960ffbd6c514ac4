// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "base/sha256.h"
#include "llb/op.h"
#include "oci/digest.h"
#include "store/cache_records.h"

namespace kiln::solver {

/// A step's cache key: a digest of its op and of all its inputs, by content. The op's canonical
/// encoding and the input list stand in the step's record, so that a miss can be explained.
std::string step_key(const std::string& operation, const store::InputList& inputs);

/// The key of a layer by what would be written, wherever it comes from and whatever is below.
std::string plan_key(const Sha256Bytes& plan);

/// A root file system as an input: its layers by content.
void append_layers(const std::string& name, const std::vector<oci::DiffId>& layers,
                   store::InputList& inputs);

}  // namespace kiln::solver
