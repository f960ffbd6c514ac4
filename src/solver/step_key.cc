// SPDX-License-Identifier: Apache-2.0
#include "solver/step_key.h"

#include <fmt/format.h>

#include "base/sha256.h"
#include "llb/encoder.h"

namespace kiln::solver {

std::string step_key(const std::string& operation, const store::InputList& inputs) {
  Sha256 hash;
  // A new meaning of keys gets a new version; records of the old one are never hit again.
  hash.update("kiln step key 4\n");
  hash.update(llb::Encoder().field("operation", operation).text());
  hash.update(inputs.text);
  return to_hex(hash.finish());
}

std::string plan_key(const Sha256Bytes& plan) {
  Sha256 hash;
  hash.update("kiln layer plan 1\n");
  hash.update(to_hex(plan));
  return to_hex(hash.finish());
}

void append_layers(const std::string& name, const std::vector<oci::DiffId>& layers,
                   store::InputList& inputs) {
  for (std::size_t i = 0; i < layers.size(); ++i)
    inputs.add(fmt::format("{}:{}", name, i), layers[i].str());
}

}  // namespace kiln::solver
