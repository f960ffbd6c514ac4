// SPDX-License-Identifier: Apache-2.0
#include "oci/index_search.h"

#include "oci/platform_match.h"

namespace kiln::oci {
namespace {

constexpr int kMaxIndexDepth = 3;
constexpr int kMaxIndexes = 100;

class IndexSearch {
 public:
  IndexSearch(const Platform& wanted, const ReadIndex& read) : wanted_(&wanted), read_(&read) {}

  Result<std::optional<Descriptor>> find(const Index& index, int depth) {
    auto chosen = choose_manifest(index.manifests, *wanted_);
    if (chosen && media_type::is_index(chosen->media_type)) return find_within(*chosen, depth);
    if (chosen) return chosen;
    for (const auto& entry : index.manifests) {
      if (entry.platform || !media_type::is_index(entry.media_type)) continue;
      auto found = TRY(find_within(entry, depth));
      if (found) return found;
    }
    return std::optional<Descriptor>();
  }

 private:
  Result<std::optional<Descriptor>> find_within(const Descriptor& entry, int depth) {
    if (depth == kMaxIndexDepth) return corrupt("its indexes nest too deeply");
    if (++count_ == kMaxIndexes) return corrupt("it holds too many indexes");
    const Index index = TRY((*read_)(entry));
    return find(index, depth + 1);
  }

  const Platform* wanted_;
  const ReadIndex* read_;
  int count_ = 0;
};

}  // namespace

Result<std::optional<Descriptor>> find_manifest(const Index& index, const Platform& wanted,
                                                const ReadIndex& read) {
  return IndexSearch(wanted, read).find(index, 1);
}

}  // namespace kiln::oci
