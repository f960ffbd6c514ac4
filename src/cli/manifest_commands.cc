// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "base/base64.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/registry_session.h"
#include "format/json_indent.h"
#include "os/process_setup.h"
#include "os/system.h"
#include "registry/repository.h"
#include "transport/image_copy.h"
#include "transport/index_part.h"
#include "transport/registry_image.h"
#include "transport/store_image.h"

namespace kiln::cli {
namespace {

using nlohmann::ordered_json;
using store::ListedManifest;
namespace media_type = oci::media_type;

/// In front of the name of an image that the store has.
constexpr std::string_view kStore = "store:";

/// What docker takes for a platform of a manifest list.
constexpr std::array<std::string_view, 28> kPlatforms = {
    "darwin/386",    "darwin/amd64",  "darwin/arm",    "darwin/arm64", "dragonfly/amd64",
    "freebsd/386",   "freebsd/amd64", "freebsd/arm",   "linux/386",    "linux/amd64",
    "linux/arm",     "linux/arm64",   "linux/ppc64le", "linux/mips64", "linux/mips64le",
    "linux/riscv64", "linux/s390x",   "netbsd/386",    "netbsd/amd64", "netbsd/arm",
    "openbsd/386",   "openbsd/amd64", "openbsd/arm",   "plan9/386",    "plan9/amd64",
    "solaris/amd64", "windows/386",   "windows/amd64"};

struct ManifestFlags {
  bool insecure = false;
  RegistryFlags registry;
};

void add_manifest_flags(FlagSet& set, ManifestFlags& flags) {
  set.flag("--insecure", flags.insecure, "Allow communication with an insecure registry");
  add_registry_flags(set, flags.registry);
}

Result<oci::Reference> parse_name(const std::string& text) {
  const auto reference = oci::Reference::parse(text);
  if (!reference) return reference.error();
  return reference->with_default_tag();
}

Result<std::unique_ptr<registry::Registries>> open_for(ManifestFlags flags,
                                                       const oci::Reference& reference) {
  if (flags.insecure) flags.registry.insecure.push_back(reference.domain());
  return open_registries(flags.registry);
}

Error no_such(const std::string& name) { return not_found("No such manifest: " + name); }

Result<transport::NamedManifest> read_remote(const ManifestFlags& flags,
                                             const oci::Reference& reference,
                                             std::stop_token stop) {
  const auto registries = TRY(open_for(flags, reference));
  auto found = transport::read_named_manifest(*registries, reference, std::move(stop));
  if (!found && found.error().kind() == ErrorKind::not_found)
    return not_found("no such manifest: " + reference.canonical());
  return found;
}

// --- images of the store ---

Result<ListedManifest> listed(store::Store& store, const store::Image& image,
                              const std::string& name) {
  ListedManifest out;
  out.reference = name;
  out.content = TRY(store.blobs().read(image.manifest));
  const auto manifest = TRY(oci::Manifest::parse(out.content));
  out.entry.media_type = manifest.media_type;
  out.entry.digest = image.manifest;
  out.entry.size = out.content.size();
  const std::string config = TRY(store.images().config_json(image));
  out.entry.platform = TRY(transport::platform_of_config(config));
  return out;
}

/// The image that `name` names, or all that are here of an index.
Result<std::vector<ListedManifest>> of_store(store::Store& store, const std::string& name) {
  const store::Image image = TRY(store.images().get(name));
  std::vector<ListedManifest> out;
  std::optional<store::StoredIndex> index;
  if (image.index) index = TRY(store.indexes().find(*image.index));
  if (!index) {
    ListedManifest one = TRY(listed(store, image, std::string(kStore) + name));
    out.push_back(std::move(one));
    return out;
  }
  for (const auto& each : index->images) {
    const std::string label = fmt::format("{}{}@{}", kStore, name, each.manifest.str());
    ListedManifest one = TRY(listed(store, each, label));
    out.push_back(std::move(one));
  }
  return out;
}

// --- what is shown ---

ordered_json described(const ListedManifest& manifest) {
  ordered_json descriptor = {{"mediaType", manifest.entry.media_type},
                             {"digest", manifest.entry.digest.str()},
                             {"size", manifest.entry.size}};
  if (manifest.entry.platform)
    descriptor["platform"] = oci::platform_to_json(*manifest.entry.platform);
  const bool docker = manifest.entry.media_type == media_type::kDockerManifest;
  return {{"Ref", manifest.reference},
          {"Descriptor", std::move(descriptor)},
          {"Raw", base64(manifest.content)},
          {docker ? "SchemaV2Manifest" : "OCIManifest",
           ordered_json::parse(manifest.content, nullptr, false)}};
}

Result<void> print_verbose(const ordered_json& value) {
  return print(value.dump(1, '\t', false, ordered_json::error_handler_t::replace) + "\n");
}

Result<void> print_manifest(const ListedManifest& manifest, bool verbose) {
  if (verbose) return print_verbose(described(manifest));
  return print(format::indent_json(manifest.content, "\t") + "\n");
}

oci::FullIndex index_of(const std::vector<ListedManifest>& manifests) {
  oci::FullIndex out;
  // As docker decides it: by the first one.
  const bool oci_form =
      !manifests.empty() && manifests.front().entry.media_type == media_type::kOciManifest;
  out.media_type = oci_form ? media_type::kOciIndex : media_type::kDockerIndex;
  for (const auto& manifest : manifests) out.entries.push_back(manifest.entry);
  return out;
}

Result<void> print_list(const std::vector<ListedManifest>& manifests, bool verbose) {
  if (!verbose) return print(index_of(manifests).to_docker_json() + "\n");
  ordered_json all = ordered_json::array();
  for (const auto& manifest : manifests) all.push_back(described(manifest));
  return print_verbose(all);
}

Result<void> print_remote_index(const ManifestFlags& flags, const oci::Reference& reference,
                                const transport::NamedManifest& found, bool verbose,
                                std::stop_token stop) {
  const auto index = TRY(oci::FullIndex::parse(found.content));
  if (!verbose) return print(index.to_docker_json() + "\n");
  const auto registries = TRY(open_for(flags, reference));
  auto repository =
      TRY(registry::Repository::open(*registries, reference, registry::Purpose::pull_digest));
  ordered_json all = ordered_json::array();
  for (const auto& entry : index.entries) {
    const oci::Reference exact = reference.by_digest(entry.digest);
    auto fetched = TRY(repository.fetch_manifest(exact, stop));
    ListedManifest manifest;
    manifest.reference = reference.without_digest().canonical() + "@" + entry.digest.str();
    manifest.entry = entry;
    manifest.content = std::move(fetched.content);
    all.push_back(described(manifest));
  }
  return print_verbose(all);
}

// --- pushing ---

/// Makes each manifest of a list part of the list's repository, and the list one.
class ListPush {
 public:
  ListPush(store::Store& store, registry::Registries& registries, oci::Reference list,
           std::stop_token stop)
      : store_(&store), registries_(&registries), list_(std::move(list)), stop_(std::move(stop)) {}

  Result<void> run(std::vector<ListedManifest> manifests) {
    for (const auto& manifest : manifests) TRY(check(manifest));
    for (auto& manifest : manifests) {
      if (manifest.reference.starts_with(kStore)) {
        TRY(send_stored(manifest));
      } else {
        TRY(send_remote(manifest));
      }
    }
    const oci::FullIndex index = index_of(manifests);
    const std::string content = index.to_docker_json();
    TRY(transport::put_index(*registries_, list_, index.media_type, content, stop_));
    return print(oci::Digest::of(content).str() + "\n");
  }

 private:
  Result<void> check(const ListedManifest& manifest) const {
    const auto& platform = manifest.entry.platform;
    if (!platform || platform->architecture.empty() || platform->os.empty()) {
      return invalid_input(
          fmt::format("manifest {} must have an OS and Architecture to be pushed to a registry",
                      manifest.reference));
    }
    if (manifest.reference.starts_with(kStore)) return {};
    const auto reference = TRY(oci::Reference::parse(manifest.reference));
    if (reference.domain() == list_.domain()) return {};
    return invalid_input(fmt::format(
        "cannot use source images from a different registry than the target image: {} != {}",
        reference.domain(), list_.domain()));
  }

  Result<void> send_remote(const ListedManifest& manifest) const {
    const auto reference = TRY(oci::Reference::parse(manifest.reference));
    if (reference.path() == list_.path()) return {};
    TRY(transport::copy_part(*registries_, {manifest.entry, reference}, list_, stop_));
    return say(manifest);
  }

  /// Layers that were made here are compressed on their way, so the manifest may be another one.
  Result<void> send_stored(ListedManifest& manifest) const {
    std::string name = manifest.reference.substr(kStore.size());
    name = name.substr(0, name.find("@sha256:"));
    const auto choices = TRY(of_store(*store_, name));
    const auto chosen = std::ranges::find(choices, manifest.reference, &ListedManifest::reference);
    if (chosen == choices.end()) return no_such(manifest.reference);
    const auto parsed = TRY(oci::Manifest::parse(chosen->content));
    const auto image = TRY(store_->images().find_by_id(parsed.config.digest));
    if (!image) return no_such(manifest.reference);
    store::Image exact = *image;
    exact.manifest = chosen->entry.digest;
    auto source = TRY(transport::StoreSource::open(*store_, exact, name));
    const oci::Reference target = TRY(oci::Reference::parse(list_.domain() + "/" + list_.path()));
    auto destination =
        TRY(transport::RegistryDestination::open(*registries_, target, &store_->distribution()));
    transport::CopyOptions options;
    options.threads = os::processor_count();
    options.stop = stop_;
    options.index = &store_->distribution();
    const auto copied = TRY(transport::copy_image(source, destination, options));
    manifest.entry.media_type = copied.top.media_type;
    manifest.entry.digest = copied.top.digest;
    manifest.entry.size = copied.top.size;
    return say(manifest);
  }

  Result<void> say(const ListedManifest& manifest) const {
    return print(fmt::format("Pushed ref {0}/{1}@{2} with digest: {2}\n", list_.domain(),
                             list_.path(), manifest.entry.digest.str()));
  }

  store::Store* store_;
  registry::Registries* registries_;
  oci::Reference list_;
  std::stop_token stop_;
};

}  // namespace

Result<int> create_manifest_command(const Session& session, std::vector<std::string> words) {
  ManifestFlags flags;
  bool amend = false;
  FlagSet set(session.command, "MANIFEST_LIST MANIFEST [MANIFEST...]",
              "Create a local manifest list for annotating and pushing to a registry");
  set.flag("-a,--amend", amend, "Amend an existing manifest list")
      .arguments(2, FlagSet::kAnyNumber);
  add_manifest_flags(set, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const auto list =
      TRY(parse_name(parsed.arguments[0])
              .context("error parsing name for manifest list " + parsed.arguments[0]));
  store::Store store = TRY(session.open_store(Access::index));
  const os::InterruptWatcher interrupts;
  const auto existing = TRY(store.manifest_lists().find(list));
  if (existing && !amend)
    return invalid_input("refusing to amend an existing manifest list with no --amend flag");
  std::vector<ListedManifest> manifests;
  for (std::size_t i = 1; i < parsed.arguments.size(); ++i) {
    const std::string& word = parsed.arguments[i];
    if (word.starts_with(kStore)) {
      const auto stored = TRY(of_store(store, word.substr(kStore.size())));
      manifests.insert(manifests.end(), stored.begin(), stored.end());
      continue;
    }
    const auto reference = TRY(parse_name(word));
    if (existing) {
      const auto known =
          std::ranges::find(*existing, reference.canonical(), &ListedManifest::reference);
      if (known != existing->end()) continue;
    }
    auto found = TRY(read_remote(flags, reference, interrupts.token()));
    if (found.is_index()) return invalid_input(reference.canonical() + " is a manifest list");
    manifests.push_back({reference.canonical(), std::move(found.entry), std::move(found.content)});
  }
  TRY(store.manifest_lists().put(list, manifests));
  TRY(print("Created manifest list " + list.canonical() + "\n"));
  return 0;
}

Result<int> annotate_manifest_command(const Session& session, std::vector<std::string> words) {
  std::string os, architecture, os_version, variant;
  std::vector<std::string> os_features;
  FlagSet set(session.command, "[OPTIONS] MANIFEST_LIST MANIFEST",
              "Add additional information to a local image manifest");
  set.option("--arch", architecture, "Set architecture")
      .option("--os", os, "Set operating system")
      .list("--os-features", os_features, "Set operating system feature")
      .option("--os-version", os_version, "Set operating system version")
      .option("--variant", variant, "Set architecture variant")
      .arguments(2, 2);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::string &list_word = parsed.arguments[0], &image_word = parsed.arguments[1];
  const auto list = TRY(
      parse_name(list_word).context("annotate: error parsing name for manifest list " + list_word));
  std::string reference = image_word;
  if (!image_word.starts_with(kStore)) {
    const auto name = TRY(
        parse_name(image_word).context("annotate: error parsing name for manifest " + image_word));
    reference = name.canonical();
  }
  store::Store store = TRY(session.open_store(Access::index));
  const auto manifests = TRY(store.manifest_lists().find(list));
  const auto none = [&] {
    return not_found(
        fmt::format("manifest for image {} does not exist in {}", image_word, list_word));
  };
  if (!manifests) return none();
  const auto found = std::ranges::find(*manifests, reference, &ListedManifest::reference);
  if (found == manifests->end()) return none();
  ListedManifest changed = *found;
  oci::IndexEntry::Platform platform = changed.entry.platform.value_or(oci::IndexEntry::Platform());
  if (!os.empty()) platform.os = os;
  if (!architecture.empty()) platform.architecture = architecture;
  if (!variant.empty()) platform.variant = variant;
  if (!os_version.empty()) platform.os_version = os_version;
  for (const auto& word : os_features) {
    for (const std::string_view feature : split(word, ',')) {
      auto& features = platform.os_features;
      if (std::ranges::find(features, feature) == features.end()) features.emplace_back(feature);
    }
  }
  if (std::ranges::find(kPlatforms, platform.os + "/" + platform.architecture) ==
      kPlatforms.end()) {
    return invalid_input(fmt::format(
        "manifest entry for image has unsupported os/arch combination: {}/{}", os, architecture));
  }
  changed.entry.platform = std::move(platform);
  TRY(store.manifest_lists().put(list, {changed}));
  return 0;
}

Result<int> inspect_manifest_command(const Session& session, std::vector<std::string> words) {
  ManifestFlags flags;
  bool verbose = false;
  FlagSet set(session.command, "[OPTIONS] [MANIFEST_LIST] MANIFEST",
              "Display an image manifest, or manifest list");
  set.flag("-v,--verbose", verbose, "Output additional info including layers and platform")
      .arguments(1, 2);
  add_manifest_flags(set, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::string& word = parsed.arguments.back();
  store::Store store = TRY(session.open_store(Access::read));
  const os::InterruptWatcher interrupts;
  if (parsed.arguments.size() == 1 && word.starts_with(kStore)) {
    const std::string name = word.substr(kStore.size());
    const auto manifests = TRY(of_store(store, name));
    const store::Image image = TRY(store.images().get(name));
    if (!image.index) {
      TRY(print_manifest(manifests.front(), verbose));
      return 0;
    }
    if (verbose) {
      TRY(print_list(manifests, verbose));
      return 0;
    }
    const std::string content = TRY(store.blobs().read(*image.index));
    const auto index = TRY(oci::FullIndex::parse(content));
    TRY(print(index.to_docker_json() + "\n"));
    return 0;
  }
  if (parsed.arguments.size() == 2) {
    const auto list = TRY(parse_name(parsed.arguments[0]));
    std::string reference = word;
    if (!word.starts_with(kStore)) {
      const auto name = TRY(parse_name(word));
      reference = name.canonical();
    }
    const auto manifests = TRY(store.manifest_lists().find(list));
    if (!manifests) return no_such(reference);
    const auto found = std::ranges::find(*manifests, reference, &ListedManifest::reference);
    if (found == manifests->end()) return no_such(reference);
    TRY(print_manifest(*found, verbose));
    return 0;
  }
  const auto reference = TRY(parse_name(word));
  const auto manifests = TRY(store.manifest_lists().find(reference));
  if (manifests) {
    TRY(print_list(*manifests, verbose));
    return 0;
  }
  auto found = TRY(read_remote(flags, reference, interrupts.token()));
  if (found.is_index()) {
    TRY(print_remote_index(flags, reference, found, verbose, interrupts.token()));
    return 0;
  }
  TRY(print_manifest({reference.canonical(), std::move(found.entry), std::move(found.content)},
                     verbose));
  return 0;
}

Result<int> push_manifest_command(const Session& session, std::vector<std::string> words) {
  ManifestFlags flags;
  bool purge = false;
  FlagSet set(session.command, "[OPTIONS] MANIFEST_LIST", "Push a manifest list to a repository");
  set.flag("-p,--purge", purge, "Remove the local manifest list after push").arguments(1, 1);
  add_manifest_flags(set, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const auto list = TRY(parse_name(parsed.arguments[0]));
  const auto registries = TRY(open_for(flags, list));
  store::Store store = TRY(session.open_store(Access::layers));
  const os::InterruptWatcher interrupts;
  auto manifests = TRY(store.manifest_lists().find(list));
  if (!manifests) return no_such(list.canonical());
  TRY(ListPush(store, *registries, list, interrupts.token()).run(*std::move(manifests)));
  if (purge) TRY(store.manifest_lists().remove(list));
  return 0;
}

Result<int> remove_manifest_command(const Session& session, std::vector<std::string> words) {
  FlagSet set(session.command, "MANIFEST_LIST [MANIFEST_LIST...]",
              "Delete one or more manifest lists from local storage");
  set.arguments(1, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  store::Store store = TRY(session.open_store(Access::index));
  std::vector<std::string> failures;
  for (const auto& word : parsed.arguments) {
    const auto list = parse_name(word);
    if (!list) {
      failures.push_back(list.error().message());
      continue;
    }
    const bool removed = TRY(store.manifest_lists().remove(*list));
    if (!removed) failures.push_back(no_such(list->canonical()).message());
  }
  for (const auto& failure : failures) print_error(failure);
  return failures.empty() ? 0 : 1;
}

}  // namespace kiln::cli
