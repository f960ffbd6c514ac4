// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <set>

#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/platform_flag.h"

namespace kiln::cli {
namespace {

Result<void> report(const std::vector<std::string>& untagged,
                    const std::vector<oci::Digest>& deleted) {
  std::string out;
  for (const auto& name : untagged) {
    const oci::Reference parsed = TRY(oci::Reference::parse(name));
    out += "Untagged: " + parsed.familiar() + "\n";
  }
  for (const auto& id : deleted) out += "Deleted: " + id.str() + "\n";
  return print(out);
}

Error in_several_repositories(const oci::Digest& id) {
  return {ErrorKind::already_exists,
          "conflict: unable to delete " + id.short_hex() +
              " (must be forced) - image is referenced in multiple repositories"};
}

Result<std::size_t> repository_count(const std::vector<std::string>& names) {
  std::set<std::string> repositories;
  for (const auto& name : names) {
    const oci::Reference parsed = TRY(oci::Reference::parse(name));
    repositories.insert(parsed.familiar_name());
  }
  return repositories.size();
}

/// An index goes with its last name, and with it those of its images that nothing else holds.
Result<void> remove_index(store::Store& store, const store::StoredIndex& index,
                          const std::string& canonical, bool force) {
  const bool by_name = std::ranges::find(index.names, canonical) != index.names.end();
  if (by_name && index.names.size() > 1) {
    const oci::Reference name = TRY(oci::Reference::parse(canonical));
    TRY(store.images().untag(name));
    return report({canonical}, {});
  }
  const std::size_t repositories = TRY(repository_count(index.names));
  if (!by_name && !force && repositories > 1) return in_several_repositories(index.digest);
  std::vector<store::Image> unneeded = TRY(store.indexes().only_here(index));
  std::vector<oci::Digest> deleted = {index.digest};
  for (const auto& image : unneeded) deleted.push_back(image.id);
  TRY(store.indexes().remove(index));
  for (const auto& image : unneeded) TRY(store.images().remove(image));
  TRY(report(index.names, deleted));
  return store.delete_unused_layers();
}

/// Takes an image away, or a name of it; what was done is printed as docker prints it.
Result<void> remove_one(store::Store& store, const std::string& text, bool force) {
  const store::Image image = TRY(store.images().get(text));
  std::vector<std::string> untagged = image.names;
  const auto reference = oci::Reference::parse(text);
  const std::string canonical =
      reference ? reference->without_digest().with_default_tag().canonical() : std::string();
  if (image.index) {
    const auto index = TRY(store.indexes().find(*image.index));
    if (index) return remove_index(store, *index, canonical, force);
  }
  const bool by_name = std::ranges::find(image.names, canonical) != image.names.end();
  const auto manifests = TRY(store.images().manifests_of(image));
  bool untags = by_name && image.names.size() > 1;
  if (reference && reference->digest() && manifests.size() > 1) {
    untags = TRY(store.images().untag(*reference));
  } else if (untags) {
    TRY(store.images().untag(reference->without_digest()));
  }
  if (untags) {
    TRY(print("Untagged: " + reference->with_default_tag().familiar() + "\n"));
    // Its layers may have come in forms that no other manifest has.
    return store.blobs().has(image.manifest) ? Result<void>() : store.delete_unused_layers();
  }
  const std::size_t repositories = TRY(repository_count(image.names));
  if (!by_name && !force && repositories > 1) return in_several_repositories(image.id);
  TRY(store.images().remove(image));
  TRY(report(untagged, {image.id}));
  return store.delete_unused_layers();
}

/// How many names lead to the image, by itself and by indexes that have it.
Result<std::size_t> count_names(store::Store& store, const store::Image& image) {
  std::set<std::string> names(image.names.begin(), image.names.end());
  const auto indexes = TRY(store.indexes().of_image(image.id));
  for (const auto& digest : indexes) {
    const auto index = TRY(store.indexes().find(digest));
    if (index) names.insert(index->names.begin(), index->names.end());
  }
  return names.size();
}

/// One platform's image of an index, which loses it.
Result<void> remove_platform(store::Store& store, const std::string& text,
                             const oci::Platform& platform, bool force) {
  const store::Image image = TRY(get_image(store, text, platform));
  const std::size_t names = TRY(count_names(store, image));
  if (names > 1 && !force) {
    return Error(ErrorKind::already_exists,
                 "Content will be removed from all images referencing this variant. Use --force to "
                 "force delete.");
  }
  TRY(store.images().remove(image));
  TRY(report({}, {image.id}));
  return store.delete_unused_layers();
}

}  // namespace

Result<int> rmi_command(const Session& session, std::vector<std::string> words) {
  bool force = false, no_prune = false;
  std::vector<std::string> platforms;
  FlagSet set(session.command, "[OPTIONS] IMAGE [IMAGE...]", "Remove images");
  set.flag("-f,--force", force, "also with several names")
      .flag("--no-prune", no_prune, "accepted: there are no parents to remove")
      .list("--platform", platforms, "of an image for several, these platforms alone")
      .arguments(1, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::vector<oci::Platform> wanted = TRY(parse_platforms(platforms));
  store::Store store = TRY(session.open_store(Access::removal));
  int code = 0;
  for (const auto& name : parsed.arguments) {
    const auto remove = [&]() -> Result<void> {
      if (wanted.empty()) return remove_one(store, name, force);
      for (const auto& platform : wanted) TRY(remove_platform(store, name, platform, force));
      return {};
    };
    auto removed = remove();
    if (removed) continue;
    if (force && removed.error().kind() == ErrorKind::not_found) continue;
    print_error("Error: " + removed.error().message());
    code = 1;
  }
  return code;
}

}  // namespace kiln::cli
