// SPDX-License-Identifier: Apache-2.0
#include "cli/session.h"

#include "cli/terminal.h"
#include "os/system.h"
#include "snapshot/settle.h"

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

namespace {

/// What an earlier process or a power cut has left to do.
Result<void> prepare_layers(store::Store& store) {
  const std::vector<oci::DiffId> lost = TRY(snapshot::settle_layers(store));
  for (const auto& id : lost) {
    print_error(
        "kiln: layer " + id.str() +
        " was damaged when the machine stopped, and is removed; images that have it must be "
        "built or loaded again");
  }
  if (store.has_layers_to_delete()) TRY(store.delete_unused_layers());
  return {};
}

}  // namespace

Result<store::Store> Session::open_store(Access access) const {
  std::string path = root;
  if (path.empty()) path = TRY(default_store_root());
  if (!path.starts_with('/')) {
    const std::string cwd = TRY(os::current_directory());
    path = cwd + "/" + path;
  }
  const bool has_layers = access == Access::layers || access == Access::removal;
  if (has_layers) TRY(os::enter_user_namespace());
  const auto use = access == Access::read      ? store::Use::read
                   : access == Access::removal ? store::Use::remove
                                               : store::Use::write;
  store::Store store = TRY(store::Store::open(path, use).context("open the store at " + path));
  if (has_layers) TRY(prepare_layers(store));
  return store;
}

Result<void> print(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() || std::fflush(stdout) != 0)
    return Error(ErrorKind::system, "write to standard output failed");
  return {};
}

void print_error(std::string_view text) {
  const std::string shown = escape_controls(text);
  std::fwrite(shown.data(), 1, shown.size(), stderr);
  std::fputc('\n', stderr);
}

}  // namespace kiln::cli
