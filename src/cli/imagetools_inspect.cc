// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/strings.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/registry_session.h"
#include "format/template.h"
#include "oci/platform_match.h"
#include "os/process_setup.h"
#include "registry/repository.h"
#include "transport/index_part.h"

namespace kiln::cli {
namespace {

using nlohmann::ordered_json;
namespace media_type = oci::media_type;

constexpr std::size_t kMaxStatement = std::size_t{32} << 20;

/// Go's names of fields in templates, and the JSON's.
std::map<std::string, std::string, std::less<>> go_names() {
  return {{"Name", "name"},
          {"Manifest", "manifest"},
          {"Image", "image"},
          {"Referrers", "referrers"},
          {"SchemaVersion", "schemaVersion"},
          {"MediaType", "mediaType"},
          {"Digest", "digest"},
          {"Size", "size"},
          {"Manifests", "manifests"},
          {"Annotations", "annotations"},
          {"URLs", "urls"},
          {"Data", "data"},
          {"Platform", "platform"},
          {"ArtifactType", "artifactType"},
          {"Architecture", "architecture"},
          {"OS", "os"},
          {"OSVersion", "os.version"},
          {"OSFeatures", "os.features"},
          {"Variant", "variant"},
          {"Created", "created"},
          {"Author", "author"},
          {"Config", "config"},
          {"RootFS", "rootfs"},
          {"Type", "type"},
          {"DiffIDs", "diff_ids"},
          {"History", "history"},
          {"CreatedBy", "created_by"},
          {"Comment", "comment"},
          {"EmptyLayer", "empty_layer"}};
}

class Inspector {
 public:
  Inspector(registry::Registries& registries, oci::Reference reference, std::stop_token stop)
      : registries_(&registries), reference_(std::move(reference)), stop_(std::move(stop)) {}

  Result<void> open() {
    auto repository = TRY(
        registry::Repository::open(*registries_, reference_, registry::pull_purpose(reference_)));
    repository_.emplace(std::move(repository));
    auto fetched = repository_->fetch_manifest(reference_, stop_);
    if (!fetched && fetched.error().kind() == ErrorKind::not_found)
      return not_found(reference_.canonical() + ": not found");
    if (!fetched) return std::move(fetched).error();
    manifest_ = *std::move(fetched);
    if (is_index()) index_ = TRY(oci::FullIndex::parse(manifest_.content));
    return {};
  }

  const std::string& raw() const { return manifest_.content; }

  std::string plain() {
    std::string out = rows("", {{"Name:", reference_.canonical()},
                                {"MediaType:", manifest_.descriptor.media_type},
                                {"Digest:", manifest_.descriptor.digest.str()}});
    if (is_index()) {
      out += "           \nManifests: \n";
      out += entries(index_.entries);
    }
    auto found = repository_->list_referrers(manifest_.descriptor.digest, stop_);
    if (!found) {
      print_error("referrers are not known: " + found.error().message());
    } else if (!found->empty()) {
      out += "           \nReferrers: \n";
      out += entries(*found);
    }
    return out;
  }

  Result<std::string> formatted(const std::string& format) {
    const ordered_json data = TRY(template_data(format));
    // What `json` alone is asked for keeps the order of the structures.
    if (const auto path = json_path(format)) {
      const ordered_json* value = &data;
      const auto names = go_names();
      for (const auto& word : *path) {
        const auto name = names.find(word);
        const std::string& key = name == names.end() ? word : name->second;
        const auto member = value->is_object() ? value->find(key) : value->end();
        if (!value->is_object() || member == value->end()) {
          value = nullptr;
          break;
        }
        value = &*member;
      }
      if (value != nullptr)
        return value->dump(2, ' ', false, ordered_json::error_handler_t::replace);
    }
    const auto layout = TRY(format::Template::parse(format));
    format::RenderOptions options;
    options.field_keys = go_names();
    options.json_indent = 2;
    return layout.render(nlohmann::json(data), options);
  }

 private:
  using Rows = std::vector<std::pair<std::string, std::string>>;

  bool is_index() const { return media_type::is_index(manifest_.descriptor.media_type); }

  /// Labels as wide as the widest, and a blank.
  static std::string rows(std::string_view indent, const Rows& all) {
    std::size_t width = 0;
    for (const auto& [label, value] : all) width = std::max(width, label.size() + 1);
    std::string out;
    for (const auto& [label, value] : all) {
      out.append(indent).append(label).append(width - label.size(), ' ');
      out.append(value).append("\n");
    }
    return out;
  }

  std::string entries(const std::vector<oci::IndexEntry>& all) const {
    constexpr std::string_view kIndent = "  ";
    std::string out;
    Rows pending;
    const auto flush = [&] {
      out += rows(kIndent, pending);
      pending.clear();
    };
    for (const auto& entry : all) {
      // An empty line is a row of its column, as wide as that.
      if (&entry != &all.front()) pending.emplace_back("", "");
      pending.emplace_back("Name:",
                           reference_.without_digest().canonical() + "@" + entry.digest.str());
      pending.emplace_back("MediaType:", entry.media_type);
      if (!entry.artifact_type.empty()) pending.emplace_back("ArtifactType:", entry.artifact_type);
      if (entry.platform) {
        pending.emplace_back("Platform:", entry.platform->simple().str());
        if (!entry.platform->os_version.empty())
          pending.emplace_back("OSVersion:", entry.platform->os_version);
        if (!entry.platform->os_features.empty())
          pending.emplace_back("OSFeatures:", join(entry.platform->os_features, ", "));
        if (!entry.urls.empty()) pending.emplace_back("URLs:", join(entry.urls, ", "));
      }
      if (!entry.annotations.empty()) {
        pending.emplace_back("Annotations:", "");
        flush();
        Rows annotations;
        for (const auto& [key, value] : entry.annotations)
          annotations.emplace_back(key + ":", value);
        out += rows("    ", annotations);
      }
    }
    flush();
    return out;
  }

  Result<ordered_json> config_of(const std::string& content) {
    const auto manifest = TRY(oci::Manifest::parse(content));
    const std::string config =
        TRY(repository_->read_blob(manifest.config, oci::kMaxConfigSize, stop_));
    TRY(parse_json(config, "config"));
    return ordered_json::parse(config);
  }

  /// One config, or one for each platform.
  Result<ordered_json> images() {
    if (!is_index()) return config_of(manifest_.content);
    ordered_json out = ordered_json::object();
    for (const auto& entry : index_.entries) {
      if (oci::is_attestation(entry.descriptor())) continue;
      if (!media_type::is_manifest(entry.media_type)) continue;
      const oci::Reference exact = reference_.by_digest(entry.digest);
      const auto fetched = TRY(repository_->fetch_manifest(exact, stop_));
      ordered_json config = TRY(config_of(fetched.content));
      const auto platform = TRY(transport::platform_of_config(config.dump()));
      const std::string name =
          entry.platform ? entry.platform->simple().str() : platform.simple().str();
      out[name] = std::move(config);
    }
    if (out.size() == 1) return ordered_json(out.begin().value());
    return out;
  }

  /// Which platform's image the attestation is about; empty if none of the index.
  std::string subject_of(const oci::IndexEntry& attestation) const {
    const auto digest = attestation.annotations.find(transport::kSubject);
    if (digest == attestation.annotations.end()) return {};
    for (const auto& entry : index_.entries) {
      if (entry.digest.str() == digest->second && entry.platform)
        return entry.platform->simple().str();
    }
    return {};
  }

  /// What in-toto statements of a type, or of types that begin so, say of the images: by platform
  /// and `name`, or by `name` alone where there is one image.
  Result<ordered_json> predicates(std::string_view type, const std::string& name) {
    ordered_json out = ordered_json::object();
    std::size_t images = 0;
    for (const auto& entry : index_.entries) {
      if (!oci::is_attestation(entry.descriptor())) {
        ++images;
        continue;
      }
      const std::string platform = subject_of(entry);
      if (platform.empty()) continue;
      const auto fetched =
          TRY(repository_->fetch_manifest(reference_.by_digest(entry.digest), stop_));
      const auto manifest = TRY(oci::Manifest::parse(fetched.content));
      for (const auto& layer : manifest.layers) {
        const auto said = layer.annotations.find("in-toto.io/predicate-type");
        if (said == layer.annotations.end() || !said->second.starts_with(type)) continue;
        const std::string text = TRY(repository_->read_blob(layer, kMaxStatement, stop_));
        const auto statement = TRY(parse_json(text, "attestation " + layer.digest.str()));
        const auto predicate = TRY(json_object(statement, "predicate"));
        out[platform].emplace(name, ordered_json(predicate));
      }
    }
    if (images == 1 && out.size() == 1) return ordered_json(out.begin().value());
    return out;
  }

  ordered_json manifest_data() const {
    const auto& top = manifest_.descriptor;
    if (!is_index()) {
      return {{"mediaType", top.media_type}, {"digest", top.digest.str()}, {"size", top.size}};
    }
    ordered_json list = ordered_json::array();
    for (const auto& entry : index_.entries) list.push_back(entry.to_json());
    ordered_json out = {{"schemaVersion", 2},
                        {"mediaType", top.media_type},
                        {"digest", top.digest.str()},
                        {"size", top.size},
                        {"manifests", std::move(list)}};
    if (!index_.annotations.empty()) out["annotations"] = index_.annotations;
    return out;
  }

  /// What the template may ask for, as far as it costs something only if it does.
  Result<ordered_json> template_data(const std::string& format) {
    const auto path = json_path(format);
    const bool whole = path && path->empty();
    ordered_json out = {{"name", reference_.canonical()}, {"manifest", manifest_data()}};
    if (whole || format.find(".Image") != std::string::npos) out["image"] = TRY(images());
    if (format.find(".Provenance") != std::string::npos)
      out["Provenance"] = TRY(predicates("https://slsa.dev/provenance/", "SLSA"));
    if (format.find(".SBOM") != std::string::npos)
      out["SBOM"] = TRY(predicates("https://spdx.dev/Document", "SPDX"));
    if (format.find(".Referrers") != std::string::npos) {
      const auto found = TRY(repository_->list_referrers(manifest_.descriptor.digest, stop_));
      out["referrers"] = ordered_json::array();
      for (const auto& entry : found) out["referrers"].push_back(entry.to_json());
    }
    return out;
  }

  /// Of `{{json .A.B}}`: A, B.
  static std::optional<std::vector<std::string>> json_path(std::string_view format) {
    format = trim(format);
    if (!format.starts_with("{{") || !format.ends_with("}}")) return std::nullopt;
    std::string_view inner = trim(format.substr(2, format.size() - 4));
    if (!inner.starts_with("json")) return std::nullopt;
    inner = trim(inner.substr(4));
    if (!inner.starts_with('.') || inner.find_first_of(" {}()|\"") != std::string_view::npos)
      return std::nullopt;
    std::vector<std::string> out;
    for (const std::string_view word : split(inner.substr(1), '.')) {
      if (!word.empty()) out.emplace_back(word);
    }
    return out;
  }

  registry::Registries* registries_;
  oci::Reference reference_;
  std::stop_token stop_;
  std::optional<registry::Repository> repository_;
  registry::FetchedManifest manifest_;
  oci::FullIndex index_;
};

/// `{{.Manifest}}` alone means what is shown without a template.
bool means_plain(std::string_view format) {
  format = trim(format);
  if (!format.starts_with("{{") || !format.ends_with("}}")) return format.empty();
  return trim(format.substr(2, format.size() - 4)) == ".Manifest";
}

}  // namespace

Result<int> inspect_imagetools_command(const Session& session, std::vector<std::string> words) {
  std::string format, builder;
  bool raw = false;
  RegistryFlags registry;
  FlagSet set(session.command, "[OPTIONS] NAME", "Show details of an image in the registry");
  set.option("--builder", builder, "accepted: there is one builder")
      .option("--format", format, "Format the output using the given Go template")
      .flag("--raw", raw, "Show original, unformatted JSON manifest")
      .arguments(1, 1);
  add_registry_flags(set, registry);
  const FlagSet::Parsed parsed = TRY(set.parse(std::move(words)));
  if (parsed.help) {
    TRY(print(set.help()));
    return 0;
  }
  if (raw && !format.empty()) return invalid_input("format and raw cannot be used together");
  const auto reference = TRY(oci::Reference::parse(parsed.arguments[0]));
  const auto registries = TRY(open_registries(registry));
  const os::InterruptWatcher interrupts;
  Inspector inspector(*registries, reference.with_default_tag(), interrupts.token());
  TRY(inspector.open());
  if (raw) {
    TRY(print(inspector.raw()));
  } else if (means_plain(format)) {
    TRY(print(inspector.plain()));
  } else {
    const std::string text = TRY(inspector.formatted(format));
    TRY(print(text));
  }
  return 0;
}

}  // namespace kiln::cli
