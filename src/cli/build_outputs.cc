// SPDX-License-Identifier: Apache-2.0
#include "cli/build_outputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>

#include "archive/fd_stream.h"
#include "base/json.h"
#include "base/strings.h"
#include "cli/registry_session.h"
#include "exporter/image_mount.h"
#include "exporter/index_result.h"
#include "exporter/tree_output.h"
#include "os/file_io.h"
#include "os/system.h"
#include "os/terminal.h"
#include "transport/layout_image.h"
#include "transport/registry_image.h"
#include "transport/store_image.h"

namespace kiln::cli {
namespace {

using Type = BuildOutput::Type;

/// Layers on their way, as notes on the output's step.
class LayerNotes final : public exporter::TransferProgress {
 public:
  LayerNotes(solver::Progress& progress, solver::StepId step) : progress_(&progress), step_(step) {}
  void layer(std::string_view layer, std::string_view status) override {
    if (status == "Preparing") return;
    const std::scoped_lock lock(mutex_);
    progress_->report(solver::StepNote{step_, fmt::format("layer {}: {}", layer, status)});
  }

 private:
  solver::Progress* progress_;
  solver::StepId step_;
  std::mutex mutex_;
};

std::string step_name(const BuildOutput& output) {
  switch (output.type) {
    case Type::oci:
      return "exporting to oci image format";
    case Type::docker:
      return "exporting to docker image format";
    case Type::tar:
      return "exporting to client tarball";
    case Type::local:
      return "exporting to client directory";
    default:
      return "exporting to image";
  }
}

/// `linux/arm/v7` as the name of a directory.
std::string directory_of(const oci::Platform& platform) {
  std::string out = platform.str();
  for (char& c : out)
    if (c == '/') c = '_';
  return out;
}

class OutputWriter {
 public:
  OutputWriter(const OutputContext& context, const std::vector<PlatformResult>& results)
      : context_(&context),
        results_(&results),
        config_(&results.front().config),
        config_json_(config_->to_json()) {}

  Result<BuildExports> write(const std::vector<BuildOutput>& outputs) {
    solver::StepId step = context_->first_step;
    for (const auto& output : outputs) {
      if (output.type == Type::cache_only) continue;
      context_->progress->report(solver::StepStarted{step, step_name(output), context_->inputs});
      const auto written = write_one(output, step);
      context_->progress->report(solver::StepEnded{
          step, written.ok() ? solver::StepOutcome::done : solver::StepOutcome::failed,
          written.ok() ? std::string() : written.error().message()});
      TRY(written);
      ++step;
    }
    return std::move(out_);
  }

 private:
  bool for_several() const { return results_->size() > 1; }

  void note(solver::StepId step, std::string text) const {
    context_->progress->report(solver::StepNote{step, std::move(text)});
  }

  Result<void> write_one(const BuildOutput& output, solver::StepId step) {
    if (output.is_files()) return write_files(output);
    if (for_several()) {
      if (output.type == Type::docker)
        return invalid_input("docker exporter does not currently support exporting manifest lists")
            .with_hint("type=oci holds images for several platforms");
    } else {
      out_.config = oci::Digest::of(config_json_);
    }
    for (const auto& name : output.names) {
      const std::string text = name.canonical();
      if (std::ranges::find(out_.names, text) == out_.names.end()) out_.names.push_back(text);
    }
    if (output.type == Type::oci || output.type == Type::docker) return write_layout(output, step);
    if (output.store) TRY(for_several() ? store_index(output, step) : store_image(output, step));
    if (output.push) TRY(push(output, step));
    if (out_.manifest) out_.manifest->annotations = descriptor_annotations(output);
    return {};
  }

  /// The manifest as the store has it: plain layers, or those of the base as they came.
  Result<oci::Manifest> manifest_of(const Annotations& annotations,
                                    const std::string& config_json) const {
    oci::Manifest out = TRY(context_->store->images().compose_manifest(config_json));
    out.annotations = annotations;
    return out;
  }

  Result<store::Image> put_image(const Annotations& annotations, const std::string& config_json,
                                 const std::vector<oci::Reference>& names) const {
    const oci::Manifest manifest = TRY(manifest_of(annotations, config_json));
    if (annotations.empty()) {
      store::Image image = TRY(context_->store->images().put(config_json, names));
      const bool outdated = TRY(has_annotations_of_a_build(image, manifest));
      if (!outdated) return image;
    }
    return context_->store->images().put_with_manifest(config_json, manifest.to_json(), names);
  }

  /// Whether the image has what an earlier build of it was told to say. What a registry knows by
  /// its digest stays as it is.
  Result<bool> has_annotations_of_a_build(const store::Image& image,
                                          const oci::Manifest& without) const {
    const std::string text = TRY(context_->store->blobs().read(image.manifest));
    oci::Manifest there = TRY(oci::Manifest::parse(text));
    if (there.annotations.empty()) return false;
    there.annotations.clear();
    if (there.to_json() != without.to_json()) return false;
    const bool known = TRY(context_->store->distribution().is_known(image.manifest));
    return !known;
  }

  /// What is said of the only image.
  OutputAnnotations::OfImage annotations_of_one(const BuildOutput& output) const {
    return output.annotations.of(results_->front().platform);
  }
  /// What stands in a layout's list about what it holds, and in the metadata file.
  Annotations descriptor_annotations(const BuildOutput& output) const {
    return for_several() ? output.annotations.index_descriptor
                         : annotations_of_one(output).descriptor;
  }

  Result<void> store_index(const BuildOutput& output, solver::StepId step) {
    std::vector<exporter::PlatformImage> images;
    for (const auto& result : *results_) {
      auto said = output.annotations.of(result.platform);
      store::Image image = TRY(put_image(said.manifest, result.config.to_json(), {}));
      images.push_back({result.platform, std::move(image), std::move(said.descriptor)});
    }
    std::vector<oci::Reference> names;
    if (!output.push_by_digest) names = output.names;
    const store::Image image =
        TRY(exporter::put_index(*context_->store, images, names, output.annotations.index));
    const auto index = TRY(context_->store->indexes().find(*image.index));
    CHECK(index);
    note(step, "writing index " + index->digest.str());
    for (const auto& name : output.names) note(step, "naming to " + name.canonical());
    oci::Descriptor descriptor;
    descriptor.media_type = index->content.media_type;
    descriptor.digest = index->digest;
    descriptor.size = index->size;
    TRY(note_canonical_names(output, index->digest, index->images.front()));
    out_.index = image.index;
    out_.manifest = std::move(descriptor);
    out_.stored = index->images.front();
    return {};
  }

  /// What is written elsewhere. The store's own images have no part in it but their layers: another
  /// output, or an earlier build, may have said other things of them.
  Result<transport::StoreSource> open_source(const BuildOutput& output, const std::string& name) {
    std::map<oci::Digest, std::string> texts;
    oci::Index index;
    std::string manifest_json;
    for (const auto& result : *results_) {
      const auto said = output.annotations.of(result.platform);
      std::string config_json = result.config.to_json();
      const oci::Manifest manifest = TRY(manifest_of(said.manifest, config_json));
      manifest_json = manifest.to_json();
      oci::Descriptor entry;
      entry.media_type = manifest.media_type;
      entry.digest = oci::Digest::of(manifest_json);
      entry.size = manifest_json.size();
      entry.platform = result.platform;
      entry.annotations = said.descriptor;
      texts[manifest.config.digest] = std::move(config_json);
      texts[entry.digest] = manifest_json;
      index.manifests.push_back(std::move(entry));
    }
    if (!for_several())
      return transport::StoreSource(*context_->store, manifest_json, std::move(texts), name);
    index.annotations = output.annotations.index;
    return transport::StoreSource(*context_->store, index.to_json(), std::move(texts), name);
  }

  Result<void> store_image(const BuildOutput& output, solver::StepId step) {
    std::vector<oci::Reference> names;
    if (!output.push_by_digest) names = output.names;
    store::Image image = TRY(put_image(annotations_of_one(output).manifest, config_json_, names));
    note(step, "writing image " + image.id.str());
    for (const auto& name : names) note(step, "naming to " + name.canonical());
    oci::Descriptor descriptor;
    descriptor.media_type = oci::media_type::kOciManifest;
    descriptor.digest = image.manifest;
    const std::string text = TRY(context_->store->blobs().read(image.manifest));
    descriptor.size = text.size();
    TRY(note_canonical_names(output, image.manifest, image));
    out_.manifest = std::move(descriptor);
    out_.stored = std::move(image);
    return {};
  }

  /// NAME@DIGEST, where they are asked for.
  Result<void> note_canonical_names(const BuildOutput& output, const oci::Digest& digest,
                                    const store::Image& image) {
    if (output.names.empty() && output.dangling_prefix)
      out_.names.push_back(output.dangling_prefix->familiar() + "@" + digest.str());
    std::vector<oci::Reference> repositories;
    // What is pushed has its digest there, which another form of the layers may make another one.
    if (output.name_canonical && !output.push) repositories = output.names;
    if (output.dangling_prefix && (output.names.empty() || !output.dangling_only_without_name))
      repositories.push_back(*output.dangling_prefix);
    for (const auto& name : repositories)
      TRY(context_->store->distribution().note_image_digest(name, digest, image));
    return {};
  }

  transport::CopyOptions copy_options(const BuildOutput& output,
                                      exporter::TransferProgress& notes) const {
    transport::CopyOptions options;
    options.form = output.form;
    options.format = output.format;
    if (for_several()) options.instances = transport::Instances::all;
    options.threads = os::processor_count();
    options.stop = context_->stop;
    options.progress = &notes;
    options.index = &context_->store->distribution();
    return options;
  }

  Result<void> push(const BuildOutput& output, solver::StepId step) {
    RegistryFlags flags = context_->registry;
    if (output.insecure) {
      for (const auto& name : output.names) flags.insecure.push_back(name.domain());
    }
    const auto registries = TRY(open_registries(flags));
    LayerNotes notes(*context_->progress, step);
    for (const auto& name : output.names) {
      note(step, "pushing " + name.canonical());
      auto source = TRY(open_source(output, name.familiar()));
      auto destination = TRY(transport::RegistryDestination::open(
          *registries, name, &context_->store->distribution()));
      const auto copied =
          TRY(transport::copy_image(source, destination, copy_options(output, notes)));
      note(step, "pushed manifest " + copied.top.digest.str());
      if (out_.stored) {
        TRY(context_->store->distribution().note_image_digest(name, copied.top.digest,
                                                              *out_.stored));
      }
      note_sent(copied.top);
    }
    return {};
  }

  /// An index has outside the store the digest that it got there.
  void note_sent(const oci::Descriptor& top) {
    out_.manifest = top;
    if (for_several()) out_.index = top.digest;
  }

  Result<void> write_layout(const BuildOutput& output, solver::StepId step) {
    auto source = TRY(open_source(output, "the image"));
    transport::LayoutOptions options;
    options.names = output.names;
    options.docker_archive = output.type == Type::docker;
    if (options.names.empty() && output.as_directory) options.tag = "latest";
    if (!for_several()) options.platform = results_->front().platform.normalised();
    options.annotations = descriptor_annotations(output);
    options.annotations.try_emplace("org.opencontainers.image.created", config_->created);
    LayerNotes notes(*context_->progress, step);
    const auto copy = [&](std::unique_ptr<transport::FileWriter> files,
                          std::unique_ptr<transport::FileReader> existing) -> Result<void> {
      transport::LayoutDestination destination(std::move(files), std::move(existing), options,
                                               output.destination);
      const auto copied =
          TRY(transport::copy_image(source, destination, copy_options(output, notes)));
      note_sent(copied.top);
      out_.manifest->annotations = options.annotations;
      return {};
    };
    if (output.as_directory) {
      auto writer = TRY(transport::DirectoryWriter::open(output.destination));
      os::Dir dir = TRY(os::Dir::open(output.destination));
      return copy(std::make_unique<transport::DirectoryWriter>(std::move(writer)),
                  std::make_unique<transport::DirectoryReader>(std::move(dir)));
    }
    return to_file(output, [&](archive::ByteSink& sink) {
      return copy(std::make_unique<transport::ArchiveFileWriter>(*context_->store, sink), nullptr);
    });
  }

  Result<void> write_files(const BuildOutput& output) const {
    std::vector<exporter::ImageMount> mounts;
    for (const auto& result : *results_) {
      auto mount = TRY(exporter::ImageMount::open(*context_->store, result.config.diff_ids));
      mounts.push_back(std::move(mount));
    }
    std::vector<exporter::OutputTree> trees;
    for (std::size_t i = 0; i < mounts.size(); ++i) {
      exporter::OutputTree tree;
      tree.root = &mounts[i].root();
      tree.mtime = output.source_date_epoch;
      tree.platform = (*results_)[i].platform.str();
      if (output.platform_split.value_or(for_several()))
        tree.prefix = directory_of((*results_)[i].platform);
      trees.push_back(std::move(tree));
    }
    if (output.type == Type::local) {
      return exporter::write_trees_to_directory(
          trees, output.destination,
          output.remove_others ? exporter::Others::remove : exporter::Others::keep, context_->stop);
    }
    return to_file(output, [&](archive::ByteSink& sink) {
      return exporter::write_trees_to_archive(trees, sink, context_->stop);
    });
  }

  static Result<void> to_file(const BuildOutput& output,
                              const std::function<Result<void>(archive::ByteSink&)>& write) {
    const auto write_to = [&](const os::Fd& fd) -> Result<void> {
      archive::FdSink sink(fd, output.destination);
      return write(sink);
    };
    if (output.destination != "-") return os::write_output_file(output.destination, 0600, write_to);
    const os::Fd fd = TRY(os::standard_output());
    return write_to(fd);
  }

  const OutputContext* context_;
  const std::vector<PlatformResult>* results_;
  const oci::ImageConfig* config_;  ///< of the first platform
  std::string config_json_;
  BuildExports out_;
};

/// Absolute and without symlinks, as far as it is there.
Result<std::string> resolved(const std::string& path) {
  const std::string here = TRY(os::current_directory());
  std::string at = path.starts_with('/') ? path : here + "/" + path;
  std::string rest;
  while (true) {
    auto found = os::canonical_path(at.empty() ? "/" : at);
    if (found.ok()) return *found + rest;
    if (found.error().kind() != ErrorKind::not_found) return found;
    const auto slash = at.rfind('/');
    const std::string last = at.substr(slash + 1);
    if (last == "..") return invalid_input(path + " leads out of what is not there");
    if (!last.empty() && last != ".") rest = "/" + last + rest;
    at.resize(slash);
  }
}

Result<void> check_deleting(const BuildOutput& output) {
  const std::string here = TRY(os::canonical_path("."));
  const std::string there = TRY(resolved(output.destination));
  if (there.starts_with(here == "/" ? here : here + "/") && there != here) return {};
  return Error(ErrorKind::permission,
               fmt::format("local output mode=delete for destination \"{}\" requires "
                           "--allow=buildx.local.delete",
                           output.destination))
      .with_hint(
          "what is not of the result would be deleted from a directory that is not below "
          "the current one");
}

Result<void> check_destination(const BuildOutput& output) {
  if (output.destination == "-") {
    if (output.as_directory)
      return invalid_input("a layout directory can't be written to standard output");
    const os::Fd fd = TRY(os::standard_output());
    if (os::is_terminal(fd))
      return invalid_input(
          "dest file is required for the exporter to standard output. refusing to write to "
          "console");
    return {};
  }
  if (output.destination.empty() || !os::path_exists(output.destination)) return {};
  const bool is_directory = os::Dir::open(output.destination).ok();
  const bool wants_directory = output.type == Type::local || output.as_directory;
  if (wants_directory && !is_directory)
    return invalid_input("destination directory " + output.destination + " is a file");
  if (!wants_directory && is_directory)
    return invalid_input("destination file " + output.destination + " is a directory");
  return {};
}

}  // namespace

Result<void> check_destinations(const std::vector<BuildOutput>& outputs, Deleting deleting) {
  for (const auto& output : outputs) {
    TRY(check_destination(output));
    if (output.type == Type::local && output.remove_others && deleting == Deleting::below_here)
      TRY(check_deleting(output));
  }
  return {};
}

Result<BuildExports> write_outputs(const OutputContext& context,
                                   const std::vector<BuildOutput>& outputs,
                                   const std::vector<PlatformResult>& results) {
  return OutputWriter(context, results).write(outputs);
}

nlohmann::ordered_json build_metadata(const BuildExports& exports, const oci::Platform& platform,
                                      const std::string& ref) {
  nlohmann::ordered_json out;
  out["buildx.build.ref"] = "default/default/" + ref;
  if (exports.config) out["containerimage.config.digest"] = exports.config->str();
  if (exports.manifest) {
    nlohmann::ordered_json descriptor;
    descriptor["mediaType"] = exports.manifest->media_type;
    descriptor["digest"] = exports.manifest->digest.str();
    descriptor["size"] = exports.manifest->size;
    if (!exports.manifest->annotations.empty())
      descriptor["annotations"] = exports.manifest->annotations;
    if (!exports.index) {
      descriptor["platform"] = {{"architecture", platform.architecture}, {"os", platform.os}};
      if (!platform.variant.empty()) descriptor["platform"]["variant"] = platform.variant;
    }
    out["containerimage.descriptor"] = std::move(descriptor);
    out["containerimage.digest"] = exports.manifest->digest.str();
  }
  if (!exports.names.empty()) out["image.name"] = join(exports.names, ",");
  return out;
}

}  // namespace kiln::cli
