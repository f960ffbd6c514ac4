// SPDX-License-Identifier: Apache-2.0
#include "oci/digest.h"

namespace kiln::oci {

ChainId chain_id(const std::vector<DiffId>& layers) {
  if (layers.empty()) return {};
  std::string chain = layers.front().str();
  for (std::size_t i = 1; i < layers.size(); ++i)
    chain = ChainId::of(chain + " " + layers[i].str()).str();
  return ChainId::parse(chain).value();
}

}  // namespace kiln::oci
