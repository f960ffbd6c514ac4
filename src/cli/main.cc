// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <span>
#include <string_view>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/session.h"
#include "cli/version.h"
#include "os/process_setup.h"

namespace kiln::cli {
namespace {

struct Command {
  std::string_view name;  ///< up to three words
  CommandFunction run;
  std::string_view help;
};

constexpr Command kCommands[] = {
    {"build", build_command, "Build an image from a Dockerfile"},
    {"copy", copy_command, "Copy an image between registries, archives, directories and the store"},
    {"history", history_command, "Show the history of an image"},
    {"images", images_command, "List images"},
    {"import", import_command, "Make an image of the contents of a tar archive"},
    {"inspect", inspect_command, "Show all that is known of images"},
    {"lint", lint_command, "Say what may be wrong with a Dockerfile"},
    {"load", load_command, "Load images from an archive"},
    {"login", login_command, "Log in to a registry"},
    {"logout", logout_command, "Log out from a registry"},
    {"pull", pull_command, "Get an image from a registry"},
    {"push", push_command, "Send an image to a registry"},
    {"rmi", rmi_command, "Remove images"},
    {"run", run_command, "Run a command in a new container"},
    {"search", search_command, "Search a registry for images"},
    {"save", save_command, "Save images to an archive"},
    {"tag", tag_command, "Give an image a further name"},
    {"version", version_command, "Show the version"},
    {"image build", build_command, ""},
    {"image history", history_command, ""},
    {"image import", import_command, ""},
    {"image inspect", inspect_command, ""},
    {"image list", images_command, ""},
    {"image prune", image_prune_command, "Remove images that have no name"},
    {"image load", load_command, ""},
    {"image ls", images_command, ""},
    {"image pull", pull_command, ""},
    {"image push", push_command, ""},
    {"image remove", rmi_command, ""},
    {"image rm", rmi_command, ""},
    {"image save", save_command, ""},
    {"image tag", tag_command, ""},
    {"builder build", build_command, ""},
    {"buildx build", build_command, ""},
    {"builder du", du_command, "Show what the build cache takes"},
    {"builder prune", builder_prune_command, "Remove build cache"},
    {"buildx du", du_command, ""},
    {"buildx prune", builder_prune_command, ""},
    {"buildx history inspect", inspect_build_command, ""},
    {"buildx history logs", build_logs_command, ""},
    {"buildx history ls", list_builds_command, ""},
    {"buildx history rm", remove_builds_command, ""},
    {"cache-mount du", list_cache_mounts_command, ""},
    {"cache-mount export", export_cache_mounts_command, "Write cache mounts to an archive"},
    {"cache-mount import", import_cache_mounts_command, "Fill cache mounts from an archive"},
    {"cache-mount ls", list_cache_mounts_command, "List directories of RUN --mount=type=cache"},
    {"cache-mount rm", remove_cache_mounts_command, "Remove cache mounts"},
    {"container run", run_command, ""},
    {"history builds", list_builds_command, "List builds"},
    {"history builds inspect", inspect_build_command, "Show a build with its steps"},
    {"history builds logs", build_logs_command, "Print the log of a build"},
    {"history builds ls", list_builds_command, ""},
    {"history builds rm", remove_builds_command, "Remove builds from the history"},
    {"imagetools create", create_imagetools_command, "Make an index of images at registries"},
    {"imagetools inspect", inspect_imagetools_command, "Show an image at its registry"},
    {"buildx imagetools create", create_imagetools_command, ""},
    {"buildx imagetools inspect", inspect_imagetools_command, ""},
    {"manifest annotate", annotate_manifest_command, "Say what a list's image is for"},
    {"manifest create", create_manifest_command,
     "Make a local list of images for several platforms"},
    {"manifest inspect", inspect_manifest_command, "Show a manifest or a list of manifests"},
    {"manifest push", push_manifest_command, "Send a list and its images to a registry"},
    {"manifest rm", remove_manifest_command, "Remove local lists"},
    {"system check", system_check_command, "Verify all that is in the store"},
    {"system df", system_df_command, "Show how much the store takes"},
    {"system gc", system_gc_command, "Apply the size policy now"},
    {"system prune", system_prune_command, "Remove what nothing needs"},
};

std::string overview() {
  std::string out =
      "Usage:  kiln [--root DIR] COMMAND\n\nBuilds container images from Dockerfiles, without a "
      "daemon and "
      "without root.\n\nCommands:\n";
  std::size_t width = 0;
  for (const auto& command : kCommands) {
    if (!command.help.empty()) width = std::max(width, command.name.size());
  }
  for (const auto& command : kCommands) {
    if (!command.help.empty())
      out += fmt::format("  {:<{}}  {}\n", command.name, width, command.help);
  }
  return out +
         "\n`kiln image COMMAND` takes the image commands too, with ls and rm.\n\nOptions:\n"
         "      --root DIR   where images, layers and the cache are kept\n"
         "      --version    print the version\n      --help       print this\n"
         "\nRun 'kiln COMMAND --help' for more on a command.\n";
}

const Command* find_command(std::string_view name) {
  for (const auto& command : kCommands) {
    if (command.name == name) return &command;
  }
  return nullptr;
}

/// The commands that begin with these words, as `kiln image` shows them; empty if there are none.
std::string group_overview(std::string_view group) {
  const std::string prefix = std::string(group) + " ";
  std::string rows;
  std::size_t width = 14;
  for (const auto& command : kCommands) {
    if (command.name.starts_with(prefix))
      width = std::max(width, command.name.size() - prefix.size());
  }
  for (const auto& command : kCommands) {
    if (!command.name.starts_with(prefix)) continue;
    // One that goes by several names is explained at one of them.
    const auto explained = std::ranges::find_if(kCommands, [&](const Command& other) {
      return other.run == command.run && !other.help.empty();
    });
    rows += fmt::format("  {:<{}}  {}\n", command.name.substr(prefix.size()), width,
                        explained != std::end(kCommands) ? explained->help : "");
  }
  if (rows.empty()) return rows;
  return fmt::format(
      "Usage:  kiln {0} COMMAND\n\nCommands:\n{1}\nRun 'kiln {0} COMMAND --help' for more on a "
      "command.\n",
      group, rows);
}

Error unknown_command(const std::string& name) {
  Error error = invalid_input(
      fmt::format("unknown command: kiln {}\n\nRun 'kiln --help' for more information", name));
  std::vector<std::string> names;
  for (const auto& command : kCommands) names.emplace_back(command.name);
  const auto near = nearest_word(name, names);
  return near ? std::move(error).with_hint("did you mean " + *near + "?") : error;
}

Result<int> run(std::vector<std::string> words) {
  Session session;
  std::size_t at = 0;
  for (; at < words.size() && words[at].starts_with('-'); ++at) {
    const auto [name, value] = split_once(words[at], '=');
    if (name == "--root") {
      if (value) {
        session.root = *value;
      } else if (at + 1 < words.size()) {
        session.root = words[++at];
      }
      if (session.root.empty())
        return invalid_input("flag needs an argument: --root").with_exit_code(125);
    } else if (name == "--version" || name == "-v") {
      TRY(print(fmt::format("kiln {}\n", kVersion)));
      return 0;
    } else if (name == "--help" || name == "-h") {
      TRY(print(overview()));
      return 0;
    } else {
      return invalid_input(
                 fmt::format("unknown flag: {}\n\nRun 'kiln --help' for more information", name))
          .with_exit_code(125);
    }
  }
  if (at == words.size() || words[at] == "help") {
    TRY(print(overview()));
    return 0;
  }
  const Command* command = nullptr;
  std::size_t used = 0;
  // The longest name that fits: `history builds rm` is no history of an image.
  std::string name;
  for (std::size_t i = at; i < std::min(words.size(), at + 3); ++i) {
    name += (i == at ? "" : " ") + words[i];
    const Command* longer = find_command(name);
    if (longer == nullptr) continue;
    command = longer;
    used = i - at + 1;
  }
  if (command == nullptr) {
    std::string words_of_group, shown;
    for (; at < words.size(); ++at) {
      if (!shown.empty() && (words[at] == "--help" || words[at] == "-h")) break;
      words_of_group += (words_of_group.empty() ? "" : " ") + words[at];
      shown = group_overview(words_of_group);
      if (shown.empty()) return unknown_command(words_of_group);
    }
    TRY(print(shown));
    return 0;
  }
  session.command = "kiln " + std::string(command->name);
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(at + used));
  return command->run(session, std::move(words));
}

}  // namespace
}  // namespace kiln::cli

int main(int argc, char** argv) {
  const std::span<char*> all(argv, static_cast<std::size_t>(argc));
  kiln::os::set_up_process();
  const auto code = kiln::cli::run(std::vector<std::string>(all.begin() + 1, all.end()));
  if (code) return *code;
  kiln::cli::print_error("kiln: " + code.error().message());
  std::string hint = code.error().hint();
  if (hint.empty() && code.error().kind() == kiln::ErrorKind::no_space)
    hint =
        "make room on the disk (kiln rmi removes images), or keep the store elsewhere with --root";
  if (!hint.empty()) kiln::cli::print_error("hint: " + hint);
  // 128 and the number of SIGINT, as a shell and docker have it.
  if (code.error().kind() == kiln::ErrorKind::cancelled) return 130;
  return code.error().exit_code();
}
