// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "os/test_temp_dir.h"
#include "registry/fake_transport.h"
#include "registry/repository.h"
#include "registry/upload.h"

namespace kiln::registry::test {

inline constexpr const char* kBase = "https://r.example/v2/team/app/";
inline const std::string kManifest =
    R"({"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","layers":[]})";

/// One repository at a registry that a test makes up.
class RepositoryFixture : public ::testing::Test {
 protected:
  RepositoryFixture() {
    work_.write("config.json", R"({"auths":{"r.example":{"auth":"bWU6c2VjcmV0"}}})");
  }
  Registries& registries() {
    if (!registries_) {
      CredentialFiles files;
      if (with_credentials_) files.read = {work_.path("config.json")};
      registries_.emplace(fake_options(servers_, files, &slept_));
    }
    return *registries_;
  }
  Repository repository() {
    return os::test::must(Repository::open(registries(), reference_, Purpose::pull_tag));
  }
  Uploader uploader() { return os::test::must(Uploader::open(registries(), reference_)); }
  static std::string get(const std::string& path) { return "GET " + (kBase + path); }

  oci::Descriptor blob(const std::string& content) {
    oci::Descriptor out;
    out.digest = oci::Digest::of(content);
    out.size = content.size();
    return out;
  }

  os::test::TempDir work_;
  bool with_credentials_ = false;
  FakeServers servers_;
  std::vector<std::chrono::milliseconds> slept_;
  oci::Reference reference_ = os::test::must(oci::Reference::parse("r.example/team/app:1"));
  std::optional<Registries> registries_;
  std::stop_token stop_;
};

}  // namespace kiln::registry::test
