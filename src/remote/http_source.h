// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "oci/digest.h"
#include "remote/access.h"
#include "store/remote_cache.h"

namespace kiln::remote {

struct HttpFile {
  std::string url;
  std::string name;  ///< that the file gets
  std::optional<oci::Digest> checksum;
};

/// A tree with one file of mode 0600, its mtime the answer's Last-Modified, else 0.
struct FetchedFile {
  store::KeptTree tree;
  std::string name;
  oci::Digest digest;
};

/// Fetches a file, as BuildKit does: what is known of the URL is revalidated by its ETag (or, where
/// there is none, Last-Modified) and not fetched again if it has not changed; with a checksum that
/// a kept file has, nothing is asked at all. Secrets HTTP_AUTH_HEADER_<host> (the value of
/// Authorization) and HTTP_AUTH_TOKEN_<host> (a bearer token) and the URL's own user and password
/// are sent. Kind corrupt for another checksum than the wanted one. Messages have no credentials.
Result<FetchedFile> fetch_file(const Access& access, const HttpFile& file);

}  // namespace kiln::remote
