// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include "os/system.h"

namespace kiln::cli {

Result<std::string> default_store_root() {
  if (const auto root = os::environment("KILN_ROOT"); root && !root->empty()) return *root;
  if (os::real_uid() == 0) return std::string("/var/lib/kiln");
  if (const auto data = os::environment("XDG_DATA_HOME"); data && !data->empty())
    return *data + "/kiln";
  if (const auto home = os::environment("HOME"); home && !home->empty())
    return *home + "/.local/share/kiln";
  return not_found("no place for the store: $HOME is not set")
      .with_hint("name one with --root or $KILN_ROOT");
}

Result<store::Store> Session::open_store(Access access) const {
  std::string path = root;
  if (path.empty()) path = TRY(default_store_root());
  if (!path.starts_with('/')) {
    const std::string cwd = TRY(os::current_directory());
    path = cwd + "/" + path;
  }
  if (access == Access::layers) TRY(os::enter_user_namespace());
  return store::Store::open(path).context("open the store at " + path);
}

Result<void> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return Error(ErrorKind::system, "write to standard output failed");
  return {};
}

void print_error(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fputc('\n', stderr);
}

}  // namespace kiln::cli
