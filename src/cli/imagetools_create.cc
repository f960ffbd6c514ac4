// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/platform_flag.h"
#include "cli/registry_session.h"
#include "os/file_io.h"
#include "os/process_setup.h"
#include "transport/index_part.h"

namespace kiln::cli {
namespace {

using nlohmann::ordered_json;
using transport::IndexPart;
namespace media_type = oci::media_type;

struct CreateFlags {
  std::vector<std::string> tags, files, annotations, platforms;
  bool append = false, dry_run = false;
  std::string prefer_index = "true", progress, metadata_file, builder;
  RegistryFlags registry;
};

FlagSet create_flag_set(const Session& session, CreateFlags& flags) {
  FlagSet set(session.command, "[OPTIONS] [SOURCE...]",
              "Create a new image based on source images");
  set.list("--annotation", flags.annotations, "Add annotation to the image")
      .flag("--append", flags.append, "Append to existing manifest")
      .option("--builder", flags.builder, "accepted: there is one builder")
      .flag("--dry-run", flags.dry_run, "Show final image instead of pushing")
      .list("-f,--file", flags.files, "Read source descriptor from file")
      .option("--metadata-file", flags.metadata_file, "Write create result metadata to a file")
      .list("-p,--platform", flags.platforms, "Filter specified platforms of target image")
      .optional("--prefer-index", flags.prefer_index, "true",
                "When only a single source is specified, prefer outputting an image index or "
                "manifest list instead of performing a carbon copy")
      .option("--progress", flags.progress, "auto, plain, or none and quiet: nothing is said")
      .list("-t,--tag", flags.tags, "Set reference for new image")
      .arguments(0, FlagSet::kAnyNumber);
  add_registry_flags(set, flags.registry);
  return set;
}

/// A reference, a digest, or a descriptor as JSON.
struct Source {
  std::string text;
  std::optional<oci::Reference> reference;
  nlohmann::json given = nlohmann::json::object();  ///< of a descriptor
  std::optional<oci::Digest> digest;
};

Result<Source> parse_source(const std::string& word) {
  Source out;
  out.text = std::string(trim(word));
  const auto wrong = [&](const Error& error) {
    return invalid_input(fmt::format(
        "failed to parse source \"{}\", valid sources are digests, references and descriptors: {}",
        out.text, error.message()));
  };
  if (out.text.starts_with("sha256:")) {
    const auto digest = oci::Digest::parse(out.text);
    if (!digest) return wrong(digest.error());
    out.digest = *digest;
    return out;
  }
  if (!out.text.starts_with("{")) {
    const auto reference = oci::Reference::parse(out.text);
    if (!reference) return wrong(reference.error());
    out.reference = reference->with_default_tag();
    return out;
  }
  auto object = parse_json(out.text, "descriptor");
  if (!object) return wrong(object.error());
  if (object->contains("schemaVersion"))
    return wrong(invalid_input("expected an OCI content descriptor, got a manifest or index"));
  const auto entry = oci::IndexEntry::parse(*object);
  if (!entry) return wrong(entry.error());
  out.digest = entry->digest;
  out.given = *std::move(object);
  return out;
}

/// The repository of sources that name none.
Result<std::vector<Source>> with_repositories(std::vector<Source> sources,
                                              const std::vector<oci::Reference>& tags) {
  std::set<std::string> repositories;
  std::optional<oci::Reference> usual;
  const auto note = [&](const oci::Reference& reference) {
    repositories.insert(reference.domain() + "/" + reference.path());
    if (!usual) usual = reference;
  };
  for (const auto& source : sources) {
    if (source.reference) note(*source.reference);
  }
  for (const auto& tag : tags) note(tag);
  if (repositories.empty())
    return invalid_input("no repositories specified, please set a reference in tag or source");
  for (auto& source : sources) {
    if (source.reference) continue;
    if (repositories.size() > 1) {
      return invalid_input(fmt::format(
          "multiple repositories specified, cannot infer repository for \"{}\"", source.text));
    }
    source.reference = usual->by_digest(*source.digest);
  }
  return sources;
}

/// What a descriptor says stands over what the registry does.
Result<void> merge_given(const Source& source, oci::IndexEntry& entry) {
  if (source.given.empty()) return {};
  const auto given = TRY(oci::IndexEntry::parse(source.given));
  if (given.size != 0 && given.size != entry.size) {
    return invalid_input(fmt::format("invalid size mismatch for {}, {} != {}", entry.digest.str(),
                                     given.size, entry.size));
  }
  if (!given.media_type.empty()) entry.media_type = given.media_type;
  if (!given.annotations.empty()) entry.annotations = given.annotations;
  if (given.platform) {
    oci::IndexEntry::Platform platform = entry.platform.value_or(oci::IndexEntry::Platform());
    if (!given.platform->os.empty()) platform.os = given.platform->os;
    if (!given.platform->architecture.empty()) platform.architecture = given.platform->architecture;
    if (!given.platform->variant.empty()) platform.variant = given.platform->variant;
    if (!given.platform->os_version.empty()) platform.os_version = given.platform->os_version;
    if (!given.platform->os_features.empty()) platform.os_features = given.platform->os_features;
    entry.platform = std::move(platform);
  }
  return {};
}

/// An index in the making: what its bytes will be, and where its parts are.
struct Combined {
  std::string media_type, content;
  std::vector<IndexPart> parts;
};

void add_part(std::vector<IndexPart>& parts, IndexPart part) {
  const auto known = std::ranges::find_if(
      parts, [&](const IndexPart& each) { return each.entry.digest == part.entry.digest; });
  if (known == parts.end()) {
    parts.push_back(std::move(part));
    return;
  }
  if (part.entry.platform) known->entry.platform = part.entry.platform;
  for (const auto& [key, value] : part.entry.annotations) known->entry.annotations[key] = value;
  known->from = part.from;
}

struct Annotation {
  std::string type, platform, key, value;
};

/// `[TYPE[[PLATFORM]][,TYPE…]:]KEY=VALUE`.
Result<std::vector<Annotation>> parse_annotation(const std::string& text) {
  const auto [left, value] = split_once(text, '=');
  if (!value || left.empty()) {
    return invalid_input(fmt::format(
        "failed to parse annotations: invalid annotation \"{}\", expected key=value", text));
  }
  const auto [types, key] = split_once(left, ':');
  if (!key) return std::vector<Annotation>{{"", "", std::string(left), std::string(*value)}};
  std::vector<Annotation> out;
  for (const std::string_view word : split(types, ',')) {
    Annotation one{std::string(word), "", std::string(*key), std::string(*value)};
    if (const auto bracket = word.find('['); bracket != std::string_view::npos) {
      one.type = word.substr(0, bracket);
      one.platform = word.substr(bracket + 1, word.size() - bracket - 2);
    }
    constexpr std::string_view kKnown[] = {"index", "index-descriptor", "manifest",
                                           "manifest-descriptor"};
    if (std::ranges::find(kKnown, one.type) == std::end(kKnown))
      return invalid_input(
          fmt::format("failed to parse annotations: unknown annotation type \"{}\"", one.type));
    out.push_back(std::move(one));
  }
  return out;
}

/// docker's lists have no annotations; there they are left out.
Result<void> annotate(const std::vector<Annotation>& annotations, oci::FullIndex& index) {
  if (index.media_type != media_type::kOciIndex) return {};
  for (const auto& each : annotations) {
    if (each.type == "index") {
      index.annotations[each.key] = each.value;
    } else if (each.type == "manifest-descriptor") {
      for (auto& entry : index.entries) {
        const bool fits = each.platform.empty() ||
                          (entry.platform && entry.platform->simple().str() == each.platform);
        if (fits) entry.annotations[each.key] = each.value;
      }
    } else if (each.type == "index-descriptor") {
      return invalid_input("\"index-descriptor\" annotations are invalid while creating an image");
    } else {
      return invalid_input(fmt::format("\"{}\" annotations are not supported yet", each.type));
    }
  }
  return {};
}

/// Those for the wanted platforms, and attestations about them.
std::vector<oci::IndexEntry> filtered(const std::vector<oci::IndexEntry>& entries,
                                      const std::vector<oci::Platform>& wanted) {
  const auto fits = [&](const oci::IndexEntry& entry) {
    if (!entry.platform) return true;
    const oci::Platform platform = entry.platform->simple().normalised();
    return std::ranges::find(wanted, platform) != wanted.end();
  };
  std::vector<oci::IndexEntry> out;
  for (const auto& entry : entries) {
    const auto subject = entry.annotations.find(transport::kSubject);
    const bool about_one = subject != entry.annotations.end() &&
                           std::ranges::any_of(entries, [&](const oci::IndexEntry& other) {
                             return other.digest.str() == subject->second && fits(other);
                           });
    if (about_one || fits(entry)) out.push_back(entry);
  }
  return out;
}

class Combiner {
 public:
  Combiner(registry::Registries& registries, std::stop_token stop)
      : registries_(&registries), stop_(std::move(stop)) {}

  Result<Combined> run(const std::vector<Source>& sources,
                       const std::vector<Annotation>& annotations, bool prefer_index,
                       const std::vector<oci::Platform>& platforms) {
    std::vector<transport::NamedManifest> found;
    for (const auto& source : sources) {
      auto one = TRY(read(source));
      found.push_back(std::move(one));
    }
    if (sources.size() == 1 && annotations.empty()) {
      const auto& only = found.front();
      if (only.is_index() && platforms.empty()) return as_it_is(sources.front(), only);
      if (!only.is_index() && !prefer_index) return carbon_copy(sources.front(), only, platforms);
    }
    Combined out;
    for (std::size_t i = 0; i < sources.size(); ++i)
      TRY(add(*sources[i].reference, found[i], out.parts));
    oci::FullIndex index;
    index.media_type = type_of(out.parts);
    for (const auto& part : out.parts) index.entries.push_back(part.entry);
    if (sources.size() == 1 && found.front().is_index()) {
      const auto whole = TRY(oci::FullIndex::parse(found.front().content));
      if (annotations.empty()) index = whole;
    }
    TRY(annotate(annotations, index));
    if (!platforms.empty()) keep_only(platforms, index, out.parts);
    if (index.entries.empty())
      return not_found("none of the manifests match the provided platforms");
    out.media_type = index.media_type;
    out.content = index.to_json();
    return out;
  }

 private:
  Result<transport::NamedManifest> read(const Source& source) const {
    auto found = transport::read_named_manifest(*registries_, *source.reference, stop_);
    if (!found && found.error().kind() == ErrorKind::not_found)
      return not_found(source.reference->canonical() + ": not found");
    if (!found) return found;
    if (found->entry.platform) {
      // As an index names it, and without what only the config is asked for.
      const oci::Platform plain = found->entry.platform->simple().normalised();
      found->entry.platform =
          oci::IndexEntry::Platform{plain.architecture, plain.os, "", plain.variant, {}};
    }
    TRY(merge_given(source, found->entry));
    return found;
  }

  static Result<void> add(const oci::Reference& from, const transport::NamedManifest& found,
                          std::vector<IndexPart>& parts) {
    if (!found.is_index()) {
      add_part(parts, {found.entry, from});
      return {};
    }
    const auto index = TRY(oci::FullIndex::parse(found.content));
    for (const auto& entry : index.entries) add_part(parts, {entry, from});
    return {};
  }

  static std::string type_of(const std::vector<IndexPart>& parts) {
    const bool docker = std::ranges::all_of(parts, [](const IndexPart& part) {
      return part.entry.media_type.starts_with("application/vnd.docker.");
    });
    return std::string(docker ? media_type::kDockerIndex : media_type::kOciIndex);
  }

  static Result<Combined> as_it_is(const Source& source, const transport::NamedManifest& found) {
    Combined out{found.entry.media_type, found.content, {}};
    TRY(add(*source.reference, found, out.parts));
    return out;
  }

  static Result<Combined> carbon_copy(const Source& source, const transport::NamedManifest& found,
                                      const std::vector<oci::Platform>& platforms) {
    if (!platforms.empty() && filtered({found.entry}, platforms).empty()) {
      return invalid_input(
          fmt::format("input platform {} does not match any of the provided platforms",
                      found.entry.platform ? found.entry.platform->simple().str() : "unknown"));
    }
    return Combined{
        found.entry.media_type, found.content, {IndexPart{found.entry, *source.reference}}};
  }

  static void keep_only(const std::vector<oci::Platform>& platforms, oci::FullIndex& index,
                        std::vector<IndexPart>& parts) {
    index.entries = filtered(index.entries, platforms);
    std::erase_if(parts, [&](const IndexPart& part) {
      return std::ranges::none_of(index.entries, [&](const oci::IndexEntry& entry) {
        return entry.digest == part.entry.digest;
      });
    });
  }

  registry::Registries* registries_;
  std::stop_token stop_;
};

Result<void> push_combined(registry::Registries& registries, const Combined& made,
                           const std::vector<oci::Reference>& tags, bool quiet,
                           const std::stop_token& stop) {
  const std::string digest = oci::Digest::of(made.content).str();
  std::set<std::string> done;
  for (const auto& tag : tags) {
    const std::string repository = tag.domain() + "/" + tag.path();
    if (done.insert(repository).second) {
      for (const auto& part : made.parts) {
        if (!quiet) {
          print_error(fmt::format("copying {} from {} to {}", part.entry.digest.str(),
                                  part.from.canonical(), repository));
        }
        TRY(transport::copy_part(registries, part, tag, stop)
                .context(fmt::format("copy {} from {} to {}", part.entry.digest.str(),
                                     part.from.canonical(), tag.canonical())));
      }
    }
    if (!quiet) print_error(fmt::format("pushing {} to {}", digest, tag.canonical()));
    TRY(transport::put_index(registries, tag, made.media_type, made.content, stop));
  }
  return {};
}

Result<void> write_create_metadata(const std::string& path, const Combined& made,
                                   const std::vector<oci::Reference>& tags) {
  std::set<std::string> names;
  for (const auto& tag : tags) names.insert(tag.domain() + "/" + tag.path());
  const ordered_json out = {
      {"containerimage.descriptor",
       {{"mediaType", made.media_type},
        {"digest", oci::Digest::of(made.content).str()},
        {"size", made.content.size()}}},
      {"image.name", join(std::vector<std::string>(names.begin(), names.end()), ",")}};
  return os::write_output_file(path, 0644, indented_json(out));
}

}  // namespace

Result<int> create_imagetools_command(const Session& session, std::vector<std::string> words) {
  CreateFlags flags;
  FlagSet set = create_flag_set(session, flags);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (parsed.arguments.empty() && flags.files.empty()) return invalid_input("no sources specified");
  if (!flags.dry_run && flags.tags.empty())
    return invalid_input("can't push with no tags specified, please set --tag or --dry-run");
  std::vector<std::string> texts;
  for (const auto& file : flags.files) {
    const std::string text = TRY(os::read_file(file));
    texts.push_back(text);
  }
  texts.insert(texts.end(), parsed.arguments.begin(), parsed.arguments.end());
  if (flags.append && !flags.tags.empty()) texts.insert(texts.begin(), flags.tags.front());
  std::vector<oci::Reference> tags;
  for (const auto& text : flags.tags) {
    const auto tag = TRY(oci::Reference::parse(text));
    tags.push_back(tag.with_default_tag());
  }
  std::vector<Source> sources;
  for (const auto& text : texts) {
    Source source = TRY(parse_source(text));
    sources.push_back(std::move(source));
  }
  sources = TRY(with_repositories(std::move(sources), tags));
  std::vector<Annotation> annotations;
  for (const auto& text : flags.annotations) {
    const auto some = TRY(parse_annotation(text));
    annotations.insert(annotations.end(), some.begin(), some.end());
  }
  const auto platforms = TRY(parse_platforms(flags.platforms));
  const auto registries = TRY(open_registries(flags.registry));
  const os::InterruptWatcher interrupts;
  const bool prefers_index = flags.prefer_index != "false" && flags.prefer_index != "0";
  const Combined made = TRY(Combiner(*registries, interrupts.token())
                                .run(sources, annotations, prefers_index, platforms));
  if (flags.dry_run) {
    TRY(print(made.content + "\n"));
    return 0;
  }
  const bool quiet = flags.progress == "none" || flags.progress == "quiet";
  TRY(push_combined(*registries, made, tags, quiet, interrupts.token()));
  if (!flags.metadata_file.empty()) TRY(write_create_metadata(flags.metadata_file, made, tags));
  return 0;
}

}  // namespace kiln::cli
