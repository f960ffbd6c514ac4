// SPDX-License-Identifier: Apache-2.0
#include "transport/produced_blob.h"

#include <algorithm>

#include "base/check.h"
#include "snapshot/async_hash_sink.h"

namespace kiln::transport {
namespace {

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

/// Lends the pipe's end to a request.
class ProducedBlob::Source final : public archive::ByteSource {
 public:
  explicit Source(archive::BytePipe& pipe) : pipe_(&pipe) {}
  Result<std::size_t> read(archive::MutableBytes into) override {
    return pipe_->source().read(into);
  }

 private:
  archive::BytePipe* pipe_;
};

ProducedBlob::~ProducedBlob() { end_thread(); }

void ProducedBlob::end_thread() {
  if (!thread_.joinable()) return;
  pipe_->abandon(Error(ErrorKind::cancelled, "no longer wanted"));
  thread_.join();
}

Result<std::unique_ptr<archive::ByteSource>> ProducedBlob::open(std::uint64_t offset) {
  end_thread();
  failure_.reset();
  pipe_ = std::make_unique<archive::BytePipe>();
  thread_ = std::jthread([this, offset] { produce(offset); });
  return std::unique_ptr<archive::ByteSource>(std::make_unique<Source>(*pipe_));
}

void ProducedBlob::produce(std::uint64_t offset) {
  DigestSink sink(pipe_->sink(), offset);
  const auto written = write_(sink);
  if (written.ok()) {
    size_ = sink.size();
    digest_ = sink.finish();
  } else {
    failure_ = written.error();
  }
  pipe_->finish(written);
}

Result<oci::Digest> ProducedBlob::digest() {
  if (thread_.joinable()) thread_.join();
  if (failure_) return Error(*failure_);
  CHECK(digest_);
  return *digest_;
}

}  // namespace kiln::transport
