// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace kiln::registry {

/// How somebody is known to a registry: user and password, an identity token, which a token
/// server exchanges for others, or a registry token, which is shown as it is.
struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;
  std::string registry_token = {};
  bool operator==(const Credentials&) const = default;
};

/// Where credentials are looked for.
struct CredentialFiles {
  /// docker's and podman's files, the first with an entry wins. They have the same form
  /// (`auths`, `credHelpers`, `credsStore`); podman's may also name repositories.
  std::vector<std::string> read;
  /// Where login and logout write.
  std::string write;

  /// REGISTRY_AUTH_FILE alone if it is set; else DOCKER_CONFIG or ~/.docker, then podman's files.
  static CredentialFiles from_environment();
};

/// The key of a registry in these files: `https://index.docker.io/v1/` for docker.io.
std::string credentials_key(std::string_view domain);

/// Credentials of users at registries, in files and in the programs that they name
/// (docker-credential-NAME get|store|erase).
class CredentialStore {
 public:
  explicit CredentialStore(CredentialFiles files) : files_(std::move(files)) {}
  /// These are found for every repository, whatever the files say.
  void use(Credentials credentials) { given_ = std::move(credentials); }
  /// Programs (docker-credential-NAME) that are asked for what no file has.
  void ask_helpers(std::vector<std::string> names) { helpers_ = std::move(names); }

  /// For a repository: the entry for it, for a folder above it, for its registry. nullopt: none,
  /// so requests are anonymous. A file that is no JSON is an error of kind corrupt. A helper's
  /// failure, kind unauthorized, counts where nothing else has any.
  Result<std::optional<Credentials>> find(std::string_view domain, std::string_view path) const;

  /// Where a login went: the helper's name, or empty for a file, which holds it unencrypted.
  struct Stored {
    std::string helper;
    std::string file;
  };
  /// `place` is a registry's domain, or a folder or repository of it: `host/team`.
  Result<Stored> store(std::string_view place, const Credentials& credentials) const;
  /// Whether there was something to forget. Entries below `place` stay.
  Result<bool> erase(std::string_view place) const;

 private:
  CredentialFiles files_;
  std::vector<std::string> helpers_;
  std::optional<Credentials> given_;
};

/// RFC 4648, section 4.
std::string encode_base64(std::string_view bytes);
/// nullopt if it is none; padding may be missing.
std::optional<std::string> decode_base64(std::string_view text);

}  // namespace kiln::registry
