// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/layer_display.h"
#include "cli/output_flag.h"
#include "cli/platform_flag.h"
#include "cli/registry_session.h"
#include "cli/store_images.h"
#include "exporter/image_pull.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "transport/image_copy.h"
#include "transport/registry_image.h"
#include "transport/store_image.h"

namespace kiln::cli {
namespace {

struct PullCommand {
  store::Store* store;
  registry::Registries* registries;
  exporter::PullOptions options;
  bool quiet;

  Result<void> pull_if_wanted(const oci::Reference& reference, PullPolicy policy) {
    if (policy == PullPolicy::always) return pull(reference);
    const bool here = is_here(reference);
    if (policy == PullPolicy::never) {
      if (here) return {};
      return not_found(reference.familiar() + ": no such image in the store");
    }
    if (here && policy == PullPolicy::missing) return {};
    auto pulled = pull(reference);
    if (pulled.ok() || !here || pulled.error().kind() == ErrorKind::cancelled) return pulled;
    print_error("warning: " + pulled.error().message() + "; the image that is here stays");
    return {};
  }

  bool is_here(const oci::Reference& reference) const {
    std::optional<oci::Platform> platform;
    if (options.platform_is_wanted) platform = options.platform;
    return get_image(*store, reference.canonical(), platform).ok();
  }

  Result<void> pull(const oci::Reference& reference) {
    if (!quiet) {
      const std::string version =
          reference.digest() ? reference.digest()->str() : reference.tag().value_or("latest");
      TRY(print(fmt::format("{}: Pulling from {}\n", version, reference.path())));
    }
    LayerDisplay lines = LayerDisplay::on_standard_output(quiet);
    options.progress = &lines;
    const auto pulled = TRY(exporter::pull_image(*store, *registries, reference, options));
    if (quiet) return {};
    return print(fmt::format("Digest: {}\nStatus: {} for {}\n", pulled.digest.str(),
                             pulled.changed ? "Downloaded newer image" : "Image is up to date",
                             reference.familiar()));
  }
};

/// One for each platform, or one for all.
Result<std::vector<exporter::PullOptions>> pull_options(const std::vector<std::string>& platforms) {
  exporter::PullOptions options;
  options.platform = host_platform();
  if (platforms.size() == 1 && platforms.front() == "all") {
    options.which = exporter::PullOptions::Which::every_platform;
    return std::vector{options};
  }
  std::vector<exporter::PullOptions> out;
  const auto wanted = TRY(parse_platforms(platforms));
  for (const auto& platform : wanted) {
    options.platform = platform;
    options.platform_is_wanted = true;
    out.push_back(options);
  }
  if (out.empty()) out.push_back(options);
  return out;
}

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

struct PushFlags {
  bool all = false, quiet = false, force = false, ignored = false;
  std::string compression, level, format, platform, digest_file;
  RegistryFlags registry;
};

FlagSet push_flag_set(const Session& session, PushFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] NAME[:TAG]", "Send an image to its registry");
  set.flag("-a,--all-tags", flags.all, "send all tags of the repository that are in the store")
      .option("--compression", flags.compression,
              "of layers that were made here: gzip (default), zstd or uncompressed")
      .option("--compression-format", flags.compression, "the same")
      .option("--compression-level", flags.level, "0-9 for gzip, 0-22 for zstd (default 3)")
      .flag("--force-compression", flags.force, "compress layers again that came compressed")
      .option("--digestfile", flags.digest_file, "write the digest of what was sent to a file")
      .flag("--disable-content-trust", flags.ignored, "accepted: nothing is signed")
      .option("--format", flags.format, "the manifest's: oci or v2s2 (default: as it is, else oci)")
      .option("--platform", flags.platform, "of an image for several, this one alone")
      .flag("-q,--quiet", flags.quiet, "print the image's name only")
      .flag("--remove-signatures", flags.ignored, "accepted: signatures are not sent")
      .arguments(1, 1);
  add_registry_flags(set, flags.registry);
  add_retry_flags(set, flags.registry, "--retry");
  return set;
}

/// An index goes as a whole; where not all of it is here, the image that the name leads to.
Result<transport::StoreSource> open_source(store::Store& store, const store::Image& image,
                                           const oci::Reference& reference,
                                           const std::optional<oci::Platform>& platform) {
  const std::string name = reference.familiar();
  if (platform) {
    const store::Image one = TRY(get_image(store, reference.canonical(), platform));
    return transport::StoreSource::open(store, one, name);
  }
  std::optional<store::StoredIndex> index;
  if (image.index) index = TRY(store.indexes().find(*image.index));
  if (index && index->is_complete()) return transport::StoreSource::open_index(store, *index, name);
  if (index) {
    print_error(
        "Not all multiplatform-content is present and only the available single-platform image is "
        "pushed");
  }
  return transport::StoreSource::open(store, image, name);
}

Result<transport::CopiedImage> push_image(store::Store& store, registry::Registries& registries,
                                          const store::Image& image,
                                          const oci::Reference& reference,
                                          const std::optional<oci::Platform>& platform,
                                          const transport::CopyOptions& options) {
  auto source = TRY(open_source(store, image, reference, platform));
  auto destination =
      TRY(transport::RegistryDestination::open(registries, reference, &store.distribution()));
  auto copied = TRY(transport::copy_image(source, destination, options));
  TRY(store.distribution().note_image_digest(reference, copied.top.digest, image));
  return copied;
}

}  // namespace

Result<int> pull_command(const Session& session, std::vector<std::string> words) {
  bool all = false, quiet = false, ignored = false;
  std::vector<std::string> platforms;
  std::string policy_word = "always";
  PlatformParts parts;
  RegistryFlags registry;
  FlagSet set(session.command, "[OPTIONS] NAME[:TAG|@DIGEST]", "Get an image from a registry");
  set.flag("-a,--all-tags", all, "get all tagged images of the repository")
      .list("--platform", platforms,
            "of an image for several: os/architecture[/variant], several of them, or all")
      .flag("--disable-content-trust", ignored, "accepted: digests are verified in any case")
      .option("--policy", policy_word, "always, missing, newer or never ask the registry")
      .flag("-q,--quiet", quiet, "print the image's name only")
      .arguments(1, 1);
  add_platform_part_flags(set, parts);
  add_registry_flags(set, registry);
  add_retry_flags(set, registry, "--retry");
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const oci::Reference given = TRY(oci::Reference::parse(parsed.arguments[0]));
  if (all && (given.tag() || given.digest())) {
    return invalid_input("tag can't be used with --all-tags/-a");
  }
  const PullPolicy policy = TRY(parse_pull_policy(policy_word));
  const std::string platform = TRY(platform_of(parts));
  if (!platform.empty()) {
    if (!platforms.empty())
      return invalid_input("--platform and --os, --arch, --variant exclude each other");
    platforms.push_back(platform);
  }
  const std::string usual = platform_or_default({});
  if (platforms.empty() && !usual.empty()) platforms.push_back(usual);
  const std::vector<exporter::PullOptions> each_platform = TRY(pull_options(platforms));
  auto registries = TRY(open_registries(registry));
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  std::vector<oci::Reference> wanted = {given.with_default_tag()};
  if (all) {
    wanted = TRY(all_tags(*registries, given, interrupts.token()));
  } else if (!quiet && !given.tag() && !given.digest()) {
    TRY(print("Using default tag: latest\n"));
  }
  for (exporter::PullOptions options : each_platform) {
    options.stop = interrupts.token();
    PullCommand command{&store, registries.get(), options, quiet};
    for (const auto& reference : wanted) TRY(command.pull_if_wanted(reference, policy));
  }
  const oci::Reference shown = all ? given : wanted.front();
  const bool hub = shown.domain() == "docker.io";
  TRY(print((hub ? shown.canonical() : shown.familiar()) + "\n"));
  return 0;
}

Result<int> push_command(const Session& session, std::vector<std::string> words) {
  PushFlags flags;
  FlagSet set = push_flag_set(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const oci::Reference given = TRY(oci::Reference::parse(parsed.arguments[0]));
  if (given.digest()) return invalid_input("cannot push a digest reference");
  if (flags.all && given.tag()) return invalid_input("tag can't be used with --all-tags/-a");
  const auto platform = TRY(parse_platform(flags.platform));
  transport::CopyOptions options;
  options.instances = transport::Instances::all;
  options.form = TRY(parse_layer_form(flags.compression, flags.level, flags.force));
  options.format = TRY(parse_manifest_format(flags.format));
  auto registries = TRY(open_registries(flags.registry));
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  options.threads = os::processor_count();
  options.index = &store.distribution();
  options.stop = interrupts.token();

  std::vector<oci::Reference> wanted = {given.with_default_tag()};
  if (flags.all) wanted = TRY(stored_tags(store, given));
  if (!flags.quiet) {
    if (!flags.all && !given.tag()) TRY(print("Using default tag: latest\n"));
    TRY(print(
        fmt::format("The push refers to repository [{}/{}]\n", given.domain(), given.path())));
  }
  for (const auto& reference : wanted) {
    const auto image = TRY(store.images().find(reference.canonical()));
    if (!image) {
      return not_found("An image does not exist locally with the tag: " + given.familiar_name());
    }
    LayerDisplay lines = LayerDisplay::on_standard_output(flags.quiet);
    options.progress = &lines;
    const auto pushed = TRY(push_image(store, *registries, *image, reference, platform, options));
    if (!flags.quiet) {
      TRY(print(fmt::format("{}: digest: {} size: {}\n", *reference.tag(), pushed.top.digest.str(),
                            pushed.top.size)));
    }
    if (!flags.digest_file.empty())
      TRY(os::write_output_file(flags.digest_file, 0644, pushed.top.digest.str()));
  }
  if (flags.quiet) {
    const oci::Reference shown = flags.all ? given : wanted.front();
    TRY(print(shown.canonical() + "\n"));
  }
  return 0;
}

}  // namespace kiln::cli
