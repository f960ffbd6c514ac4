// SPDX-License-Identifier: Apache-2.0
#include "exporter/layer_content.h"

#include "archive/fd_stream.h"
#include "os/file_io.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/layer_apply.h"

namespace kiln::exporter {
namespace {

class FileSource final : public archive::ByteSource {
 public:
  FileSource(os::Fd fd, std::uint64_t offset, std::string name)
      : fd_(std::move(fd)), at_(offset), name_(std::move(name)) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    const std::size_t count = TRY(os::read_at(fd_, into, at_, name_));
    at_ += count;
    return count;
  }

 private:
  os::Fd fd_;
  std::uint64_t at_;
  std::string name_;
};

/// Hashes everything, and gives on what comes after `skip` bytes.
class DigestSink final : public archive::ByteSink {
 public:
  DigestSink(archive::ByteSink& next, std::uint64_t skip) : next_(&next), skip_(skip) {}
  Result<void> write(archive::Bytes data) override {
    TRY(hash_.write(data));
    const auto skipped = static_cast<std::size_t>(std::min<std::uint64_t>(skip_, data.size()));
    skip_ -= skipped;
    data = data.subspan(skipped);
    return data.empty() ? Result<void>() : next_->write(data);
  }
  std::uint64_t size() const { return hash_.size(); }
  oci::Digest finish() { return oci::Digest(hash_.finish()); }

 private:
  archive::ByteSink* next_;
  std::uint64_t skip_;
  snapshot::AsyncHashSink hash_;
};

}  // namespace

Result<std::unique_ptr<archive::ByteSource>> StoredBlob::open(std::uint64_t offset) {
  os::Fd fd = TRY(store_->blobs().open(digest_));
  return std::unique_ptr<archive::ByteSource>(
      std::make_unique<FileSource>(std::move(fd), offset, "blob " + digest_.str()));
}

/// Lends the pipe's end to a request.
class CompressedLayer::Source final : public archive::ByteSource {
 public:
  explicit Source(archive::BytePipe& pipe) : pipe_(&pipe) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    return pipe_->source().read(into);
  }

 private:
  archive::BytePipe* pipe_;
};

CompressedLayer::~CompressedLayer() { end_thread(); }

void CompressedLayer::end_thread() {
  if (!thread_.joinable()) return;
  pipe_->abandon(Error(ErrorKind::cancelled, "no longer wanted"));
  thread_.join();
}

Result<std::unique_ptr<archive::ByteSource>> CompressedLayer::open(std::uint64_t offset) {
  end_thread();
  failure_.reset();
  pipe_ = std::make_unique<archive::BytePipe>();
  thread_ = std::jthread([this, offset] { produce(offset); });
  return std::unique_ptr<archive::ByteSource>(std::make_unique<Source>(*pipe_));
}

void CompressedLayer::produce(std::uint64_t offset) {
  DigestSink sink(pipe_->sink(), offset);
  const auto write = [&]() -> Result<void> {
    const auto compressor =
        archive::compress(sink, compression_.kind, compression_.level, compression_.threads);
    TRY(snapshot::write_layer_tar(*store_, layer_, *compressor));
    return compressor->finish();
  };
  const auto written = write();
  if (written.ok()) {
    size_ = sink.size();
    digest_ = sink.finish();
  } else {
    failure_ = written.error();
  }
  pipe_->finish(written);
}

Result<oci::Digest> CompressedLayer::digest() {
  if (thread_.joinable()) thread_.join();
  if (failure_) return Error(*failure_);
  CHECK(digest_);
  return *digest_;
}

}  // namespace kiln::exporter
