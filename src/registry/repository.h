// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "oci/index_entry.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/damaged_blobs.h"
#include "registry/registry.h"

namespace kiln::registry {

/// A manifest or index as the registry has it, verified against its digest.
struct FetchedManifest {
  oci::Descriptor descriptor;
  std::string content;
};

/// Reading from one repository. Requests that fail for a while are repeated, and mirrors are asked
/// before the registry itself; an error names what was asked for and the last thing that went
/// wrong. Kinds: not_found, unauthorized, permission, unreachable, untrusted, timed_out,
/// interrupted, corrupt, cancelled. May be used by several threads.
class Repository {
 public:
  /// `reference`'s tag and digest don't matter.
  static Result<Repository> open(Registries& registries, const oci::Reference& reference,
                                 Purpose purpose);

  /// The manifest or index that `reference` names: by its digest, which is enforced, else by tag.
  /// Kind unsupported for schema 1, corrupt for more than 4 MiB.
  Result<FetchedManifest> fetch_manifest(const oci::Reference& reference, std::stop_token stop);

  /// Writes a blob to `sink`, every byte once and in order, also if the connection breaks in
  /// between. It is an error of kind corrupt if the bytes are not what `blob` says; the sink
  /// has seen no more of them than `blob.size` by then. A mirror that gave them is not asked for
  /// this blob again, so that another attempt gets them from the next one.
  Result<void> fetch_blob(const oci::Descriptor& blob, archive::ByteSink& sink,
                          std::stop_token stop);
  /// The same, of which the first bytes are known: `earlier` writes them, and they are given to
  /// `sink`, but not asked for again.
  Result<void> fetch_rest_of_blob(
      const oci::Descriptor& blob,
      const std::function<Result<void>(archive::ByteSink& sink)>& earlier, archive::ByteSink& sink,
      std::stop_token stop);
  /// How often a blob is fetched in all whose bytes are not what they should be: each mirror may
  /// be the one that has it damaged.
  unsigned attempts() const;
  /// A small blob as a whole: at most `limit` bytes.
  Result<std::string> read_blob(const oci::Descriptor& blob, std::size_t limit,
                                std::stop_token stop);

  /// All tags, in the registry's order.
  Result<std::vector<std::string>> list_tags(std::stop_token stop);

  /// What refers to a manifest or index by naming it as its subject (distribution spec, "Listing
  /// Referrers"): signatures, SBOMs and the like. Of a registry without that, what stands under the
  /// tag `sha256-HEX`.
  Result<std::vector<oci::IndexEntry>> list_referrers(const oci::Digest& subject,
                                                      std::stop_token stop);

  /// As docker shows it.
  const std::string& name() const { return name_; }

 private:
  Repository(Registries& registries, const oci::Reference& reference,
             std::vector<Registries::Place> places)
      : registries_(&registries),
        reference_(reference.without_digest()),
        name_(reference.without_digest().familiar_name()),
        places_(std::move(places)),
        damaged_(std::make_unique<DamagedBlobs>()) {}

  Retry new_retry(std::stop_token stop) const;
  Result<std::vector<oci::IndexEntry>> tagged_referrers(const oci::Digest& subject,
                                                        std::stop_token stop);
  Result<net::HttpResponse> send(const Registries::Place& place, const net::HttpRequest& request);
  Result<FetchedManifest> fetch_manifest_from(const Registries::Place& place,
                                              const oci::Reference& reference,
                                              std::stop_token stop);
  static net::HttpRequest blob_request(const Registries::Place& place, const oci::Descriptor& blob,
                                       const std::stop_token& stop);
  /// After an answer that left the blob, or the piece of it, at `got` bytes.
  Result<void> pause_after(const Result<net::HttpResponse>& answer, Retry& retry,
                           const oci::Descriptor& blob, std::uint64_t got) const;
  /// Of the blob's bytes, which came from the places `givers`.
  Result<void> check_digest(class BlobVerifier& verifier, const oci::Descriptor& blob,
                            const std::vector<std::string>& givers);
  Result<void> fetch_blob_from(const Registries::Place& place, const oci::Descriptor& blob,
                               class BlobVerifier& verifier, std::stop_token stop);
  /// What is missing of it, by several connections. Kind unsupported if the server gives no parts.
  Result<void> fetch_pieces_from(const Registries::Place& place, const oci::Descriptor& blob,
                                 class BlobVerifier& verifier, const std::stop_token& stop);
  Result<void> fetch_piece_from(const Registries::Place& place, const oci::Descriptor& blob,
                                const net::ByteRange& range, std::vector<std::byte>& into,
                                const std::stop_token& stop);

  Registries* registries_;
  oci::Reference reference_;
  std::string name_;
  std::vector<Registries::Place> places_;
  std::unique_ptr<DamagedBlobs> damaged_;
};

/// `pull access denied for …` and the like: what a refusal means to a user.
Error explain_refusal(Error error, const std::string& repository);

}  // namespace kiln::registry
