// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/registry_session.h"
#include "exporter/image_pull.h"
#include "exporter/image_push.h"
#include "os/process_setup.h"
#include "os/system.h"

namespace kiln::cli {
namespace {

/// `b71f96345d44: Pull complete`, a line each, as docker does where it has no terminal.
class LayerLines final : public exporter::TransferProgress {
 public:
  explicit LayerLines(bool quiet) : quiet_(quiet) {}
  void layer(std::string_view layer, std::string_view status) override {
    if (quiet_) return;
    const std::scoped_lock lock(mutex_);
    (void)print(fmt::format("{}: {}\n", layer, status)).ok();
  }

 private:
  bool quiet_;
  std::mutex mutex_;
};

struct PullCommand {
  store::Store* store;
  registry::Registries* registries;
  exporter::PullOptions options;
  bool quiet;

  Result<void> pull(const oci::Reference& reference) {
    if (!quiet) {
      const std::string version =
          reference.digest() ? reference.digest()->str() : reference.tag().value_or("latest");
      TRY(print(fmt::format("{}: Pulling from {}\n", version, reference.path())));
    }
    const auto pulled = TRY(exporter::pull_image(*store, *registries, reference, options));
    if (quiet) return {};
    return print(fmt::format("Digest: {}\nStatus: {} for {}\n", pulled.digest.str(),
                             pulled.changed ? "Downloaded newer image" : "Image is up to date",
                             reference.familiar()));
  }
};

Result<std::vector<oci::Reference>> all_tags(registry::Registries& registries,
                                             const oci::Reference& name, std::stop_token stop) {
  auto repository = TRY(registry::Repository::open(registries, name, registry::Purpose::pull_tag));
  const auto tags = TRY(repository.list_tags(stop));
  std::vector<oci::Reference> out;
  for (const auto& tag : tags) {
    oci::Reference reference = TRY(oci::Reference::parse(name.familiar_name() + ":" + tag));
    out.push_back(std::move(reference));
  }
  return out;
}

/// The names of an image in the store that belong to a repository.
Result<std::vector<oci::Reference>> stored_tags(store::Store& store, const oci::Reference& name) {
  std::vector<oci::Reference> out;
  const auto images = TRY(store.images().list());
  for (const auto& image : images) {
    for (const auto& text : image.names) {
      oci::Reference known = TRY(oci::Reference::parse(text));
      if (known.domain() == name.domain() && known.path() == name.path()) {
        out.push_back(std::move(known));
      }
    }
  }
  std::ranges::sort(out, {}, [](const oci::Reference& each) { return each.canonical(); });
  if (out.empty()) {
    return not_found("An image does not exist locally with the tag: " + name.familiar_name());
  }
  return out;
}

}  // namespace

Result<int> pull_command(const Session& session, std::vector<std::string> words) {
  bool all = false, quiet = false;
  std::string platform;
  FlagSet set(session.command, "[OPTIONS] NAME[:TAG|@DIGEST]", "Get an image from a registry");
  set.flag("-a,--all-tags", all, "get all tagged images of the repository")
      .option("--platform", platform, "of an image for several: os/architecture[/variant]")
      .flag("-q,--quiet", quiet, "print the image's name only")
      .arguments(1, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const oci::Reference given = TRY(oci::Reference::parse(parsed.arguments[0]));
  if (all && (given.tag() || given.digest())) {
    return invalid_input("tag can't be used with --all-tags/-a");
  }
  exporter::PullOptions options;
  options.platform = TRY(platform_or_host(platform));
  options.platform_is_wanted = !platform.empty();
  auto registries = TRY(open_registries());
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  LayerLines lines(quiet);
  options.stop = interrupts.token();
  options.progress = &lines;
  PullCommand command{&store, registries.get(), options, quiet};

  std::vector<oci::Reference> wanted = {given.with_default_tag()};
  if (all) {
    wanted = TRY(all_tags(*registries, given, options.stop));
  } else if (!quiet && !given.tag() && !given.digest()) {
    TRY(print("Using default tag: latest\n"));
  }
  for (const auto& reference : wanted) TRY(command.pull(reference));
  const oci::Reference shown = all ? given : wanted.front();
  const bool hub = shown.domain() == "docker.io";
  TRY(print((hub ? shown.canonical() : shown.familiar()) + "\n"));
  return 0;
}

Result<int> push_command(const Session& session, std::vector<std::string> words) {
  bool all = false, quiet = false;
  FlagSet set(session.command, "[OPTIONS] NAME[:TAG]", "Send an image to its registry");
  set.flag("-a,--all-tags", all, "send all tags of the repository that are in the store")
      .flag("-q,--quiet", quiet, "print the image's name only")
      .arguments(1, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const oci::Reference given = TRY(oci::Reference::parse(parsed.arguments[0]));
  if (given.digest()) return invalid_input("cannot push a digest reference");
  if (all && given.tag()) return invalid_input("tag can't be used with --all-tags/-a");
  auto registries = TRY(open_registries());
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  LayerLines lines(quiet);
  exporter::PushOptions options;
  options.compression.threads = os::processor_count();
  options.stop = interrupts.token();
  options.progress = &lines;

  std::vector<oci::Reference> wanted = {given.with_default_tag()};
  if (all) wanted = TRY(stored_tags(store, given));
  if (!quiet) {
    if (!all && !given.tag()) TRY(print("Using default tag: latest\n"));
    TRY(print(
        fmt::format("The push refers to repository [{}/{}]\n", given.domain(), given.path())));
  }
  for (const auto& reference : wanted) {
    const auto image = TRY(store.images().find(reference.canonical()));
    if (!image) {
      return not_found("An image does not exist locally with the tag: " + given.familiar_name());
    }
    const auto pushed = TRY(exporter::push_image(store, *registries, *image, reference, options));
    if (!quiet) {
      TRY(print(fmt::format("{}: digest: {} size: {}\n", *reference.tag(), pushed.digest.str(),
                            pushed.size)));
    }
  }
  if (quiet) {
    const oci::Reference shown = all ? given : wanted.front();
    TRY(print(shown.canonical() + "\n"));
  }
  return 0;
}

}  // namespace kiln::cli
