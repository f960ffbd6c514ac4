// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "base/result.h"
#include "net/http.h"
#include "remote/git_program.h"
#include "store/store.h"

namespace kiln::remote {

/// A secret of the build by its id; nullopt if it has none of that name.
using SecretLookup = std::function<Result<std::optional<std::string>>(const std::string& id)>;

/// What fetching needs.
struct Access {
  store::Store& store;
  net::HttpTransport& http;
  SecretLookup secrets;
  std::stop_token stop;
  SshAccess ssh = {};  ///< for git
};

}  // namespace kiln::remote
