// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "oci/digest.h"

namespace kiln::store {

/// Where everything in a store is. docs/store-layout.md explains the parts.
///
///     db/kiln.sqlite             the index: images, names, layers, cache records
///     blobs/sha256/HEX           manifests, configs, and layer blobs that came from elsewhere
///     layers/HEX/fs/             one directory per layer, by diff ID, in overlay form
///     layers/HEX/contents        of a layer of many files: what it holds, to make the next one
///     context/HEX                stat index of a build context, by the digest of its path
///     context/HEX.trees          whole selections of its files, as they were seen last
///     cache/KEY.N/               contents of RUN --mount=type=cache: record.json, lock, fs/
///     remote/trees/HEX/tree      what was fetched: a checkout, a file by http, an archive
///     remote/mirrors/HEX/repo    a git repository's objects, as far as they were needed
///     remote/notes/HEX           what is known of a URL: its validators and the file it gave
///     partial/HEX                a blob's first bytes, of a download that was broken off; HEX.lock
///     executor/                  kept between containers: the compiled seccomp filter
///     tmp/ID/                    work in progress of a process; tmp/ID.lock is held while it lives
///     use.lock                   shared by who uses layers, exclusive for who deletes them
///     db/reserve                 room on the disk, given up when there is no other for the index
///     db/unused-layers           there while layers wait for a moment when they can be deleted
///     builds/ID.log              what happened in a build
///     locks/KEY                  held by who runs the step of that cache key
class StorePaths {
 public:
  explicit StorePaths(std::string root) : root_(std::move(root)) {}

  const std::string& root() const { return root_; }
  std::string database() const { return root_ + "/db/kiln.sqlite"; }
  std::string blobs() const { return root_ + "/blobs/sha256"; }
  std::string blob(const oci::Digest& digest) const { return blobs() + "/" + digest.hex(); }
  std::string layers() const { return root_ + "/layers"; }
  std::string layer(const oci::DiffId& id) const { return layers() + "/" + id.hex(); }
  std::string layer_fs(const oci::DiffId& id) const { return layer(id) + "/fs"; }
  std::string layer_contents(const oci::DiffId& id) const { return layer(id) + "/contents"; }
  std::string contexts() const { return root_ + "/context"; }
  std::string builds() const { return root_ + "/builds"; }
  std::string build_log(const std::string& id) const { return builds() + "/" + id + ".log"; }
  std::string locks() const { return root_ + "/locks"; }
  std::string step_lock(const std::string& key) const { return locks() + "/" + key; }
  /// How much is kept; see docs/storage.md. May be missing.
  std::string settings() const { return root_ + "/settings.json"; }
  std::string remote() const { return root_ + "/remote"; }
  std::string executor_cache() const { return root_ + "/executor"; }
  std::string cache_mounts() const { return root_ + "/cache"; }
  std::string partial() const { return root_ + "/partial"; }
  std::string partial_blob(const oci::Digest& digest) const {
    return partial() + "/" + digest.hex();
  }
  std::string temporary() const { return root_ + "/tmp"; }
  std::string reserve() const { return root_ + "/db/reserve"; }
  std::string unused_layers_mark() const { return root_ + "/db/unused-layers"; }
  std::string use_lock() const { return root_ + "/use.lock"; }

 private:
  std::string root_;
};

}  // namespace kiln::store
