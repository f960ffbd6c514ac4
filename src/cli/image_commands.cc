// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/image_json.h"
#include "cli/image_tree.h"
#include "cli/platform_flag.h"
#include "cli/referrers.h"
#include "cli/time_text.h"
#include "dockerfile/glob.h"
#include "format/table.h"
#include "format/units.h"
#include "os/file_io.h"
#include "os/system.h"
#include "os/terminal.h"

namespace kiln::cli {
namespace {

using nlohmann::json;

/// docker's for a time that isn't known.
std::string since(std::int64_t seconds) { return seconds <= 0 ? "N/A" : ago_text(seconds); }

const format::TableStyle kImagesStyle = {
    "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    "{{.ID}}",
    {{"Repository", "REPOSITORY"},
     {"Tag", "TAG"},
     {"Digest", "DIGEST"},
     {"ID", "IMAGE ID"},
     {"CreatedSince", "CREATED"},
     {"CreatedAt", "CREATED AT"},
     {"Size", "SIZE"},
     {"Containers", "CONTAINERS"},
     {"SharedSize", "SHARED SIZE"},
     {"UniqueSize", "UNIQUE SIZE"},
     {"VirtualSize", "SIZE"}}};
constexpr std::string_view kImagesWithDigests =
    "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}";

const format::TableStyle kHistoryStyle = {
    "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    "{{.ID}}",
    {{"ID", "IMAGE"},
     {"CreatedSince", "CREATED"},
     {"CreatedAt", "CREATED AT"},
     {"CreatedBy", "CREATED BY"},
     {"Size", "SIZE"},
     {"Comment", "COMMENT"}}};

/// The filters of `images`: docker's, as far as one store without a registry gives them a meaning.
struct ImageFilter {
  std::optional<bool> dangling;
  std::vector<std::pair<std::string, std::optional<std::string>>> labels;
  std::vector<std::string> references;
  std::optional<std::int64_t> before, since;
};

Result<ImageFilter> parse_filters(store::Store& store, const std::vector<std::string>& filters) {
  ImageFilter out;
  for (const auto& text : filters) {
    const auto [name, value] = split_once(text, '=');
    if (!value) return invalid_input("invalid filter \"" + text + "\": it must be NAME=VALUE");
    if (name == "dangling") {
      if (*value != "true" && *value != "false" && *value != "1" && *value != "0")
        return invalid_input("invalid filter 'dangling=[" + std::string(*value) + "]'");
      out.dangling = *value == "true" || *value == "1";
    } else if (name == "label") {
      const auto [key, wanted] = split_once(*value, '=');
      out.labels.emplace_back(key, wanted ? std::optional(std::string(*wanted)) : std::nullopt);
    } else if (name == "reference") {
      out.references.emplace_back(*value);
    } else if (name == "before" || name == "since") {
      const store::Image image = TRY(store.images().get(std::string(*value)));
      (name == "before" ? out.before : out.since) = image.created;
    } else {
      return invalid_input("invalid filter '" + std::string(name) + "'");
    }
  }
  return out;
}

Result<bool> passes(store::Store& store, const store::Image& image, const ImageFilter& filter) {
  if (filter.dangling) {
    const bool held = TRY(store.images().is_in_named_index(image));
    if (*filter.dangling != (image.names.empty() && !held)) return false;
  }
  if (filter.before && image.created >= *filter.before) return false;
  if (filter.since && image.created <= *filter.since) return false;
  if (filter.labels.empty()) return true;
  const oci::ImageConfig config = TRY(store.images().config(image));
  return std::ranges::all_of(filter.labels, [&](const auto& wanted) {
    const auto label = config.config.labels.find(wanted.first);
    return label != config.config.labels.end() &&
           (!wanted.second || label->second == *wanted.second);
  });
}

/// `images NAME`: a repository, with or without a tag, or a pattern of one.
Result<bool> name_matches(const oci::Reference& name, const std::string& wanted) {
  if (wanted == name.familiar() || wanted == name.familiar_name()) return true;
  if (const auto parsed = oci::Reference::parse(wanted)) {
    const bool same = parsed->domain() == name.domain() && parsed->path() == name.path();
    return same && (!parsed->tag() || parsed->tag() == name.tag());
  }
  const bool whole = TRY(dockerfile::glob_match(wanted, name.familiar()));
  if (whole) return true;
  return dockerfile::glob_match(wanted, name.familiar_name());
}

/// An image's digest in a repository that it was pulled from or pushed to.
std::string digest_in(const std::vector<std::string>& digests, const std::string& repository) {
  for (const auto& name : digests) {
    const auto [where, digest] = split_once(name, '@');
    if (where == repository && digest) return std::string(*digest);
  }
  return "<none>";
}

json image_row(const store::Image& image, const std::string& repository, const std::string& tag,
               const std::string& digest, bool truncate) {
  // An image for several platforms that are here is one row, with its index for an ID.
  const oci::Digest& id = image.index.value_or(image.id);
  return {{"Repository", repository},
          {"Tag", tag},
          {"Digest", digest},
          {"ID", truncate ? id.short_hex() : id.str()},
          {"CreatedSince", since(image.created)},
          {"CreatedAt", go_time_text(image.created)},
          {"Size", format::human_size(static_cast<double>(image.size))},
          {"VirtualSize", format::human_size(static_cast<double>(image.size), 4)},
          {"Containers", "0"},
          {"SharedSize", "N/A"},
          {"UniqueSize", "N/A"}};
}

std::uint64_t layer_size(store::Store& store, const oci::DiffId& id) {
  const auto info = store.layers().get(id);
  // What a layer's files hold, as docker counts it; the stream around them is not of interest.
  return info ? info->content_size : 0;
}

}  // namespace

namespace {

/// What a name leads to, as it is shown: an image, or an index of which more than one is here, with
/// their size.
Result<store::Image> shown_image(store::Store& store, store::Image named) {
  if (!named.index) return named;
  const auto index = TRY(store.indexes().find(*named.index));
  if (!index || index->images.size() < 2) {
    named.index.reset();
    return named;
  }
  named.size = 0;
  for (const auto& each : index->images) named.size += each.size;
  return named;
}

Result<bool> is_shown(const oci::Reference& name, const std::vector<std::string>& references) {
  bool shown = references.empty();
  for (const auto& reference : references) {
    const bool matches = TRY(name_matches(name, reference));
    shown = shown || matches;
  }
  return shown;
}

Result<void> add_rows(store::Store& store, const store::Image& image, const ImageFilter& filter,
                      bool truncate, std::vector<json>& rows) {
  const auto known = TRY(store.distribution().image_digests(image.id));
  if (image.names.empty() && filter.references.empty()) {
    const bool held = TRY(store.images().is_in_named_index(image));
    if (held) return {};  // shown with its index
    if (known.empty()) rows.push_back(image_row(image, "<none>", "<none>", "<none>", truncate));
    for (const auto& name : known) {
      const auto [repository, digest] = split_once(name, '@');
      rows.push_back(image_row(image, std::string(repository), "<none>",
                               std::string(digest.value_or("<none>")), truncate));
    }
  }
  for (const auto& text : image.names) {
    const oci::Reference name = TRY(oci::Reference::parse(text));
    const bool shown = TRY(is_shown(name, filter.references));
    if (!shown) continue;
    const auto named = TRY(store.images().find(text));
    if (!named) continue;
    const auto digests = TRY(store.distribution().digests_of(*named));
    const store::Image row = TRY(shown_image(store, *named));
    rows.push_back(image_row(row, name.familiar_name(), name.tag().value_or("<none>"),
                             digest_in(digests, name.familiar_name()), truncate));
  }
  return {};
}

/// With those of its names alone that are to be shown.
Result<store::Image> with_shown_names(store::Image image,
                                      const std::vector<std::string>& references) {
  std::vector<std::string> shown;
  for (const auto& text : image.names) {
    const oci::Reference name = TRY(oci::Reference::parse(text));
    const bool matches = TRY(is_shown(name, references));
    if (matches) shown.push_back(text);
  }
  image.names = std::move(shown);
  return image;
}

Result<int> show_tree(store::Store& store, const std::vector<store::Image>& images,
                      const std::vector<std::string>& references, bool all) {
  std::vector<TreeImage> tree;
  for (const auto& each : images) {
    const store::Image image = TRY(with_shown_names(each, references));
    if (references.empty() || !image.names.empty()) TRY(add_tree_images(store, image, all, tree));
  }
  const os::Fd out = TRY(os::standard_output());
  const bool terminal = os::is_terminal(out);
  const auto size = terminal ? os::terminal_size(out) : Result<os::TerminalSize>({});
  const unsigned columns = size && size->columns > 0 ? size->columns : 80;
  print_error(
      "WARNING: This is an experimental feature. The output may change and shouldn't be depended "
      "on.");
  TRY(print(render_image_tree(tree, columns, terminal ? TreeColours::yes : TreeColours::no)));
  return 0;
}

}  // namespace

Result<int> images_command(const Session& session, std::vector<std::string> words) {
  bool all = false, digests = false, no_trunc = false, quiet = false, tree = false;
  std::string format;
  std::vector<std::string> filters;
  FlagSet set(session.command, "[OPTIONS] [REPOSITORY[:TAG]]", "List images");
  set.flag("-a,--all", all, "accepted: there are no intermediate images")
      .flag("--digests", digests, "show digests")
      .list("-f,--filter", filters, "dangling=, label=, reference=, before=, since=")
      .option("--format", format, "table, json, or a Go template")
      .flag("--no-trunc", no_trunc, "show whole IDs")
      .flag("-q,--quiet", quiet, "show IDs alone")
      .flag("--tree", tree, "show the platforms of images that are for several")
      .arguments(0, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (tree) {
    for (const auto& [given, name] :
         {std::pair(quiet, "--quiet"), std::pair(no_trunc, "--no-trunc"),
          std::pair(digests, "--show-digest"), std::pair(!format.empty(), "--format")}) {
      if (given) return invalid_input(std::string(name) + " is not yet supported with --tree");
    }
    if (!parsed.arguments.empty()) filters.push_back("reference=" + parsed.arguments.front());
  }
  store::Store store = TRY(session.open_store(Access::read));
  ImageFilter filter = TRY(parse_filters(store, filters));
  if (!parsed.arguments.empty()) filter.references.push_back(parsed.arguments.front());
  std::vector<json> rows;
  const std::vector<store::Image> images = TRY(store.images().list());
  std::vector<store::Image> wanted;
  for (const auto& image : images) {
    const bool passing = TRY(passes(store, image, filter));
    if (passing) wanted.push_back(image);
  }
  if (tree) return show_tree(store, wanted, filter.references, all);
  for (const auto& image : wanted) TRY(add_rows(store, image, filter, !no_trunc, rows));
  if (digests && format.empty() && !quiet) format = kImagesWithDigests;
  const std::string out = TRY(format::render_rows(format, kImagesStyle, rows,
                                                  quiet ? format::Quiet::yes : format::Quiet::no));
  TRY(print(out));
  return 0;
}

Result<int> history_command(const Session& session, std::vector<std::string> words) {
  bool human = true, no_trunc = false, quiet = false;
  std::string format, platform;
  FlagSet set(session.command, "[OPTIONS] IMAGE", "Show the history of an image");
  set.option("--format", format, "table, json, or a Go template")
      .flag("-H,--human", human, "sizes and times for people (default true)")
      .flag("--no-trunc", no_trunc, "cut nothing short")
      .option("--platform", platform, "of an image for several: os/architecture[/variant]")
      .flag("-q,--quiet", quiet, "show IDs alone")
      .arguments(1, 1);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const auto wanted = TRY(parse_platform(platform));
  store::Store store = TRY(session.open_store(Access::read));
  const store::Image image = TRY(get_image(store, parsed.arguments.front(), wanted));
  const oci::ImageConfig config = TRY(store.images().config(image));
  std::vector<json> rows;
  std::size_t layer = 0;
  for (const auto& entry : config.history) {
    std::uint64_t size = 0;
    if (!entry.empty_layer && layer < config.diff_ids.size())
      size = layer_size(store, config.diff_ids[layer++]);
    const auto created = parse_rfc3339(entry.created);
    const std::int64_t seconds = created ? created->seconds : 0;
    std::string by = entry.created_by;
    std::ranges::replace(by, '\t', ' ');
    rows.push_back(
        {{"ID", "<missing>"},
         {"CreatedSince", human ? since(seconds) : format_rfc3339(seconds)},
         {"CreatedAt", format_rfc3339(seconds)},
         {"CreatedBy", no_trunc ? by : format::ellipsis(by, 45)},
         {"Size", human ? format::human_size(static_cast<double>(size)) : std::to_string(size)},
         {"Comment", entry.comment}});
  }
  std::ranges::reverse(rows);
  if (!rows.empty()) rows.front()["ID"] = no_trunc ? image.id.str() : image.id.short_hex();
  format::TableStyle style = kHistoryStyle;
  if (!human) style.headers["CreatedSince"] = "CREATED AT";
  const std::string out =
      TRY(format::render_rows(format, style, rows, quiet ? format::Quiet::yes : format::Quiet::no));
  TRY(print(out));
  return 0;
}

namespace {

/// Members that docker's structs have and that `inspect` leaves out of its JSON when they are
/// empty.
format::RenderOptions inspection_options() {
  format::RenderOptions out;
  for (const char* text : {"Container", "OsVersion", "StopSignal", "Variant"})
    out.left_out[text] = "";
  for (const char* nothing :
       {"ContainerConfig", "Descriptor", "ExposedPorts", "Healthcheck", "Manifests", "Shell"})
    out.left_out[nothing] = nullptr;
  out.left_out["ArgsEscaped"] = false;
  out.left_out["VirtualSize"] = 0;
  out.list_fields.insert("Manifests");
  out.field_keys["ID"] = "Id";
  return out;
}

}  // namespace

Result<int> inspect_command(const Session& session, std::vector<std::string> words) {
  std::string format, type, platform;
  bool referrers = false;
  FlagSet set(session.command, "[OPTIONS] IMAGE [IMAGE...]", "Show all that is known of images");
  set.option("-f,--format", format, "json, or a Go template")
      .option("--platform", platform, "of an image for several: os/architecture[/variant]")
      .flag("--referrers", referrers,
            "ask the registries that the image is known at what refers to it: signatures, SBOMs")
      .option("--type", type, "image")
      .arguments(1, FlagSet::kAnyNumber);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (!type.empty() && type != "image")
    return invalid_input("unknown type: \"" + type + "\": must be \"image\"");
  const auto wanted = TRY(parse_platform(platform));
  store::Store store = TRY(session.open_store(Access::read));
  std::vector<nlohmann::ordered_json> found;
  std::vector<std::string> missing;
  for (const auto& name : parsed.arguments) {
    const auto image = TRY(store.images().find(name));
    if (!image) {
      const auto reference = oci::Reference::parse(name);
      missing.push_back(session.command.starts_with("kiln image")
                            ? "No such image: " +
                                  (reference ? reference->with_default_tag().familiar() : name)
                            : "No such object: " + name);
      continue;
    }
    const auto chosen = get_image(store, name, wanted);
    if (!chosen) {
      missing.push_back(chosen.error().message());
      continue;
    }
    auto object = TRY(describe_image(store, *chosen));
    if (referrers)
      object["Referrers"] =
          TRY(find_referrers(object["RepoDigests"].get<std::vector<std::string>>()));
    found.push_back(std::move(object));
  }
  const std::string out = TRY(format::render_inspection(format, found, inspection_options()));
  TRY(print(out));
  for (const auto& text : missing) print_error("Error: " + text);
  return missing.empty() ? 0 : 1;
}

Result<int> tag_command(const Session& session, std::vector<std::string> words) {
  FlagSet set(session.command, "SOURCE_IMAGE[:TAG] TARGET_IMAGE[:TAG]",
              "Give an image a further name");
  set.arguments(2, 2);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  const std::string& target = parsed.arguments[1];
  auto name = oci::Reference::parse(target);
  if (!name) {
    return invalid_input("Error parsing reference: \"" + target +
                         "\" is not a valid repository/tag: " + name.error().message());
  }
  if (name->digest()) return invalid_input("refusing to create a tag with a digest reference");
  store::Store store = TRY(session.open_store(Access::index));
  const store::Image image = TRY(store.images().get(parsed.arguments[0]));
  TRY(store.images().tag(image, *name));
  return 0;
}

}  // namespace kiln::cli
