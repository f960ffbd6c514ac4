// SPDX-License-Identifier: Apache-2.0
#include "transport/location.h"

#include <array>

#include "archive/fd_stream.h"
#include "base/strings.h"
#include "os/file_io.h"
#include "os/system.h"
#include "transport/directory_image.h"
#include "transport/docker_archive_image.h"
#include "transport/layout_image.h"
#include "transport/registry_image.h"
#include "transport/shared_blobs.h"
#include "transport/store_image.h"

namespace kiln::transport {
namespace {

using Transport = Location::Transport;

struct Word {
  std::string_view prefix;
  Transport transport;
};

constexpr std::array kWords = {
    Word{"docker://", Transport::registry},
    Word{"oci:", Transport::oci_layout},
    Word{"oci-archive:", Transport::oci_archive},
    Word{"docker-archive:", Transport::docker_archive},
    Word{"dir:", Transport::directory},
    Word{"store:", Transport::store},
    Word{"containers-storage:", Transport::store},
    Word{"docker-daemon:", Transport::store},
};

Error not_a_location(std::string_view text) {
  return invalid_input("invalid image name \"" + std::string(text) +
                       "\": it begins with no transport")
      .with_hint(
          "docker://NAME, oci:DIR[:TAG], oci-archive:FILE[:TAG], docker-archive:FILE[:NAME], "
          "dir:DIR or store:NAME");
}

/// FILE[:REST]; a path has no colon in these transports.
Result<void> split_path(std::string_view text, Location& out) {
  const auto [path, rest] = split_once(text, ':');
  if (path.empty()) return invalid_input("invalid image name \"" + out.text + "\": no path");
  out.path = path;
  out.tag = rest.value_or("");
  if (rest && rest->empty())
    return invalid_input("invalid image name \"" + out.text + "\": nothing after the colon");
  return {};
}

Result<std::unique_ptr<ArchiveReader>> open_archive(const Location& location, store::Store& store) {
  auto fd = location.path == "-" ? os::standard_input() : os::open_for_reading(location.path);
  if (!fd) return std::move(fd).error();
  auto file = TRY(exporter::ArchiveFile::open(store, *fd, location.path));
  return std::make_unique<ArchiveReader>(std::move(file));
}

Result<std::unique_ptr<FileReader>> open_directory(const std::string& path) {
  os::Dir dir = TRY(os::Dir::open(path));
  return std::unique_ptr<FileReader>(std::make_unique<DirectoryReader>(std::move(dir)));
}

Result<std::unique_ptr<FileReader>> open_layout(const Location& location) {
  auto own = TRY(open_directory(location.path));
  if (location.shared_blobs.empty()) return own;
  auto blobs = TRY(open_directory(location.shared_blobs));
  return std::unique_ptr<FileReader>(
      std::make_unique<SharedBlobsReader>(std::move(own), std::move(blobs)));
}

/// A directory is made for an image, those above it are not: they may be misspelt.
Result<DirectoryWriter> create_directory(const std::string& path) {
  const auto last = path.find_last_not_of('/');
  const auto slash = path.find_last_of('/', last);
  if (last != std::string::npos && slash != std::string::npos &&
      !os::path_exists(path.substr(0, slash + 1)))
    return not_found(path.substr(0, slash + 1) + ": no such directory");
  return DirectoryWriter::open(path);
}

Result<std::unique_ptr<FileWriter>> create_layout(const Location& location) {
  auto own = TRY(create_directory(location.path));
  std::unique_ptr<FileWriter> files = std::make_unique<DirectoryWriter>(std::move(own));
  if (location.shared_blobs.empty()) return files;
  auto blobs = TRY(DirectoryWriter::open(location.shared_blobs));
  return std::unique_ptr<FileWriter>(std::make_unique<SharedBlobsWriter>(
      std::move(files), std::make_unique<DirectoryWriter>(std::move(blobs))));
}

Result<StoreSource> open_stored(const Location& location, const Access& access) {
  store::Store& store = *access.store;
  const store::Image image = TRY(store.images().get(location.path));
  if (access.platform && image.index && access.instances == Instances::one) {
    const auto chosen = TRY(store.indexes().find_image(location.path, *access.platform));
    if (!chosen)
      return not_found(location.text + ": no image for " + access.platform->str() +
                       " in the store");
    return StoreSource::open(store, *chosen, location.text);
  }
  if (access.instances == Instances::one || !image.index)
    return StoreSource::open(store, image, location.text);
  const auto index = TRY(store.indexes().find(*image.index));
  if (!index) return StoreSource::open(store, image, location.text);
  if (access.instances == Instances::all && !index->is_complete()) {
    return not_found(location.text + ": some images of its index are not in the store")
        .with_hint("get them all: kiln pull --platform all");
  }
  return StoreSource::open_index(store, *index, location.text);
}

Result<void> copy_to_registry(const Location& location, const Access& access,
                              const std::function<Result<void>(ImageDestination&)>& copy) {
  if (location.reference->digest() && location.reference->tag())
    return invalid_input("invalid destination " + location.text + ": either a tag or a digest");
  auto destination = TRY(RegistryDestination::open(
      *access.registries, location.reference->with_default_tag(), &access.store->distribution()));
  return copy(destination);
}

/// `@2` is a place among what is there.
Result<void> check_destination_tag(const Location& location) {
  if (!location.tag.starts_with('@')) return {};
  return invalid_input("invalid destination " + location.text + ": an index can't be chosen");
}

/// A name in an archive of docker's is a tag.
Result<void> check_have_no_digest(const std::vector<oci::Reference>& names,
                                  const Location& location) {
  for (const auto& name : names) {
    if (name.digest())
      return invalid_input("invalid destination " + location.text + ": a digest can't be a name");
  }
  return {};
}

/// What is in an archive of docker's can't be added to, and is not to be lost.
Result<void> check_is_new(const Location& location) {
  const auto size = os::file_size(location.path);
  if (location.path == "-" || !size || *size == 0) return {};
  return Error(ErrorKind::already_exists,
               location.path + " exists: nothing can be added to an archive of docker's")
      .with_hint("remove it first, or name another file");
}

Result<void> copy_to_archive(const Location& location, const Access& access,
                             const std::function<Result<void>(ImageDestination&)>& copy) {
  LayoutOptions options;
  if (location.transport == Transport::docker_archive) {
    options.docker_archive = true;
    options.plain_layers = true;
    TRY(check_destination_tag(location));
    TRY(check_is_new(location));
    if (!location.tag.empty()) {
      const oci::Reference name = TRY(oci::Reference::parse(location.tag));
      options.names.push_back(name.with_default_tag());
    }
    options.names.insert(options.names.end(), location.more_names.begin(),
                         location.more_names.end());
    TRY(check_have_no_digest(options.names, location));
  } else {
    TRY(check_destination_tag(location));
    options.tag = location.tag;
  }
  const auto write = [&](const os::Fd& fd) -> Result<void> {
    archive::FdSink sink(fd, location.path);
    auto files = std::make_unique<ArchiveFileWriter>(*access.store, sink);
    LayoutDestination destination(std::move(files), nullptr, options, location.text);
    return copy(destination);
  };
  if (location.path != "-") return os::write_output_file(location.path, 0600, write);
  const os::Fd out = TRY(os::standard_output());
  return write(out);
}

Result<void> copy_to_layout(const Location& location,
                            const std::function<Result<void>(ImageDestination&)>& copy) {
  TRY(check_destination_tag(location));
  auto writer = TRY(create_layout(location));
  auto reader = TRY(open_layout(location));
  LayoutOptions options;
  options.tag = location.tag;
  LayoutDestination destination(std::move(writer), std::move(reader), options, location.text);
  return copy(destination);
}

Result<void> copy_to_directory(const Location& location,
                               const std::function<Result<void>(ImageDestination&)>& copy) {
  auto writer = TRY(create_directory(location.path));
  TRY(DirectoryDestination::prepare(writer));
  DirectoryDestination destination(std::move(writer), location.text);
  return copy(destination);
}

}  // namespace

Result<Location> Location::parse(std::string_view text) {
  Location out;
  out.text = text;
  const Word* word = nullptr;
  for (const auto& each : kWords) {
    if (text.starts_with(each.prefix)) word = &each;
  }
  if (word == nullptr) return not_a_location(text);
  out.transport = word->transport;
  std::string_view rest = text.substr(word->prefix.size());
  switch (out.transport) {
    case Transport::registry: {
      const oci::Reference reference = TRY(oci::Reference::parse(rest));
      out.reference = reference;
      return out;
    }
    case Transport::store:
      if (rest.empty()) return invalid_input("invalid image name \"" + out.text + "\": no name");
      out.path = rest;
      return out;
    case Transport::directory:
      if (rest.empty()) return invalid_input("invalid image name \"" + out.text + "\": no path");
      out.path = rest;
      return out;
    default:
      TRY(split_path(rest, out));
      return out;
  }
}

Result<std::unique_ptr<ImageSource>> open_source(const Location& location, const Access& access) {
  using Out = std::unique_ptr<ImageSource>;
  switch (location.transport) {
    case Transport::registry: {
      auto source = TRY(RegistrySource::open(*access.registries, *location.reference));
      return Out(std::make_unique<RegistrySource>(std::move(source)));
    }
    case Transport::oci_layout: {
      auto files = TRY(open_layout(location));
      return Out(std::make_unique<LayoutSource>(std::move(files), location.tag, location.text));
    }
    case Transport::directory: {
      auto files = TRY(open_directory(location.path));
      return Out(std::make_unique<DirectorySource>(std::move(files), location.text));
    }
    case Transport::oci_archive: {
      auto file = TRY(open_archive(location, *access.store));
      return Out(std::make_unique<LayoutSource>(std::move(file), location.tag, location.text));
    }
    case Transport::docker_archive: {
      auto file = TRY(open_archive(location, *access.store));
      return Out(
          std::make_unique<DockerArchiveSource>(std::move(file), location.tag, location.text));
    }
    case Transport::store:
      break;
  }
  auto source = TRY(open_stored(location, access));
  return Out(std::make_unique<StoreSource>(std::move(source)));
}

Result<void> with_destination(
    const Location& location, const Access& access,
    const std::function<Result<void>(ImageDestination& destination)>& copy) {
  switch (location.transport) {
    case Transport::registry:
      return copy_to_registry(location, access, copy);
    case Transport::oci_layout:
      return copy_to_layout(location, copy);
    case Transport::oci_archive:
    case Transport::docker_archive:
      return copy_to_archive(location, access, copy);
    case Transport::directory:
      return copy_to_directory(location, copy);
    case Transport::store:
      break;
  }
  const oci::Reference name = TRY(oci::Reference::parse(location.path));
  if (name.digest())
    return invalid_input("invalid destination " + location.text + ": a digest can't be chosen");
  StoreDestination destination(*access.store, name.with_default_tag());
  return copy(destination);
}

}  // namespace kiln::transport
