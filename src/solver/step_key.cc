// SPDX-License-Identifier: Apache-2.0
#include "solver/step_key.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "llb/encoder.h"

namespace kiln::solver {

std::string step_key(const std::string& operation, const std::vector<store::Input>& inputs) {
  Sha256 hash;
  // A new meaning of keys gets a new version; records of the old one are never hit again.
  hash.update("kiln step key 3\n");
  hash.update(llb::Encoder().field("operation", operation).text());
  for (const auto& input : inputs) {
    hash.update(input.name);
    hash.update("\t");
    hash.update(input.value);
    hash.update("\n");
  }
  return to_hex(hash.finish());
}

void append_layers(const std::string& name, const std::vector<oci::DiffId>& layers,
                   std::vector<store::Input>& inputs) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    inputs.push_back({fmt::format("{}:{}", name, i), layers[i].str()});
}

}  // namespace kiln::solver
