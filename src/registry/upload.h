// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "archive/byte_stream.h"
#include "oci/manifest.h"
#include "oci/reference.h"
#include "registry/registry.h"

namespace kiln::registry {

/// A blob to send, whose bytes can be made as often as needed, the same each time.
class BlobContent {
 public:
  virtual ~BlobContent() = default;
  /// Its bytes from `offset` on. The source of an earlier call is no longer used.
  virtual Result<std::unique_ptr<archive::ByteSource>> open(std::uint64_t offset) = 0;
  /// How many bytes it has, if that is known before they are made.
  virtual std::optional<std::uint64_t> size() const = 0;
  /// Once a source was read to its end.
  virtual Result<oci::Digest> digest() = 0;
};

/// Writing to one repository. Failures that pass are met with further attempts; an upload that
/// breaks goes on where the registry says that it stopped. Kinds of errors are those of Repository.
/// May be used by several threads.
class Uploader {
 public:
  static Result<Uploader> open(Registries& registries, const oci::Reference& reference);

  Result<bool> has_blob(const oci::Digest& digest, std::stop_token stop);
  /// Kind corrupt if it is there, and the registry says that it has another size.
  Result<bool> has_blob(const oci::Descriptor& blob, std::stop_token stop);
  /// Makes a blob of the repository `from`, of the same registry, a blob of this one; false if the
  /// registry does not do that.
  Result<bool> mount_blob(const oci::Digest& digest, const std::string& from, std::stop_token stop);
  Result<void> upload_blob(BlobContent& content, std::stop_token stop);
  /// `version` is a tag or the manifest's digest.
  Result<void> put_manifest(const std::string& version, std::string_view media_type,
                            std::string_view content, std::stop_token stop);

  const std::string& name() const { return name_; }

 private:
  Uploader(Registries& registries, std::string name, Registries::Place place)
      : registries_(&registries), name_(std::move(name)), place_(std::move(place)) {}

  struct Session {
    std::string location;  ///< empty: none begun
    std::uint64_t offset = 0;
    std::uint64_t given = 0;  ///< how much of the content was ever read to be sent
  };

  Scopes push_scope() const;
  std::string url(std::string_view rest) const;
  Retry new_retry(std::stop_token stop) const;
  /// Sends a request without body until it succeeds or fails for good. `fine` are statuses besides
  /// the successes that are answers.
  Result<net::HttpResponse> send(const net::HttpRequest& request, const Scopes& scopes,
                                 const std::string& what, const std::vector<int>& fine);
  Result<net::HttpResponse> ask_for_blob(const oci::Digest& digest, std::stop_token stop);
  Result<void> begin_session(Session& session, std::stop_token stop);
  Result<void> recover_session(Session& session, std::stop_token stop);
  Result<net::HttpResponse> send_content(Session& session, BlobContent& content,
                                         std::stop_token stop);
  Result<net::HttpResponse> finish_session(const Session& session, const oci::Digest& digest,
                                           std::stop_token stop);
  Result<void> try_upload(Session& session, BlobContent& content, std::stop_token stop,
                          std::optional<net::HttpResponse>& refusal);

  Registries* registries_;
  std::string name_;
  Registries::Place place_;
};

}  // namespace kiln::registry
