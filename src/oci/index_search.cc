// SPDX-License-Identifier: Apache-2.0
#include "oci/index_search.h"

#include "oci/image_config.h"
#include "oci/platform_match.h"

namespace kiln::oci {
namespace {

constexpr int kMaxIndexDepth = 3;
constexpr int kMaxReads = 100;

class IndexSearch {
 public:
  IndexSearch(const Platform& wanted, const IndexReader& read) : wanted_(&wanted), read_(&read) {}

  Result<std::optional<Descriptor>> find(const Index& index, int depth) {
    auto chosen = choose_manifest(index.manifests, *wanted_);
    if (!chosen) return find_without_platform(index, depth);
    TRY(chosen->check());
    if (media_type::is_index(chosen->media_type)) return find_within(*chosen, depth);
    return chosen;
  }

 private:
  Result<std::optional<Descriptor>> find_without_platform(const Index& index, int depth) {
    std::optional<Descriptor> best;
    std::optional<unsigned> best_rank;
    std::optional<Error> failure;
    for (const auto& entry : index.manifests) {
      if (entry.platform || !entry.defect.empty() || is_attestation(entry)) continue;
      if (media_type::is_index(entry.media_type)) {
        auto found = TRY(find_within(entry, depth));
        if (found) return found;
        continue;
      }
      TRY(count_read());
      const auto rank = rank_of_image(entry);
      // One that can't be read may not be the one that is wanted.
      if (!rank && rank.error().kind() == ErrorKind::cancelled) return rank.error();
      if (!rank && !failure) failure = rank.error();
      if (!rank || !*rank || (best_rank && *best_rank <= **rank)) continue;
      best = entry;
      best_rank = *rank;
      if (best_rank == 0U) break;
    }
    if (!best && failure) return *failure;
    return best;
  }

  Result<std::optional<unsigned>> rank_of_image(const Descriptor& entry) const {
    const std::string text = TRY(read_->manifest(entry));
    const Manifest manifest = TRY(Manifest::parse(text));
    if (!media_type::is_image_config(manifest.config.media_type)) return std::optional<unsigned>();
    const std::string config_text = TRY(read_->config(manifest.config));
    const ImageConfig config = TRY(ImageConfig::parse(config_text));
    return platform_rank(config.platform, *wanted_);
  }

  Result<void> count_read() {
    if (++count_ < kMaxReads) return {};
    return corrupt("it holds too many indexes and images without a platform");
  }

  Result<std::optional<Descriptor>> find_within(const Descriptor& entry, int depth) {
    if (depth == kMaxIndexDepth) return corrupt("its indexes nest too deeply");
    TRY(count_read());
    const std::string text = TRY(read_->manifest(entry));
    const Index index = TRY(Index::parse(text));
    return find(index, depth + 1);
  }

  const Platform* wanted_;
  const IndexReader* read_;
  int count_ = 0;
};

}  // namespace

Result<std::optional<Descriptor>> find_manifest(const Index& index, const Platform& wanted,
                                                const IndexReader& read) {
  return IndexSearch(wanted, read).find(index, 1);
}

}  // namespace kiln::oci
