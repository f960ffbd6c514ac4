// SPDX-License-Identifier: Apache-2.0
#include "transport/produced_blob.h"

#include <algorithm>
#include <utility>

#include "archive/block_pool.h"
#include "base/check.h"
#include "snapshot/async_hash_sink.h"
#include "snapshot/block_size.h"

namespace kiln::transport {
namespace {

/// Hashes everything, and gives on what comes after `skip` bytes.
class DigestSink final : public archive::ByteSink {
 public:
  DigestSink(archive::ByteSink& next, std::uint64_t skip) : next_(&next), skip_(skip) {}
  Result<void> write(archive::Bytes data) override {
    while (auto block = filler_.fill(data)) TRY(pass(archive::shared(std::move(block))));
    return {};
  }
  Result<void> write_shared(archive::SharedBytes bytes) override {
    TRY(pass_rest());
    return pass(std::move(bytes));
  }
  std::uint64_t size() const { return hash_.size(); }
  Result<oci::Digest> finish() {
    TRY(pass_rest());
    return oci::Digest(hash_.finish());
  }

 private:
  Result<void> pass(archive::SharedBytes bytes) {
    TRY(hash_.write_shared(bytes));
    return give_on(std::move(bytes));
  }
  Result<void> pass_rest() {
    auto rest = filler_.take_rest();
    if (!rest) return {};
    // Little needs no thread.
    TRY(hash_.write(*rest));
    return give_on(archive::shared(std::move(rest)));
  }
  Result<void> give_on(archive::SharedBytes bytes) {
    const auto skipped =
        static_cast<std::size_t>(std::min<std::uint64_t>(skip_, bytes.data.size()));
    skip_ -= skipped;
    bytes.data = bytes.data.subspan(skipped);
    return bytes.data.empty() ? Result<void>() : next_->write_shared(std::move(bytes));
  }

  archive::ByteSink* next_;
  std::uint64_t skip_;
  archive::BlockFiller filler_{16, snapshot::kBlockSize};
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
  const auto written = [&]() -> Result<oci::Digest> {
    TRY(write_(sink));
    return sink.finish();
  }();
  if (written) {
    size_ = sink.size();
    digest_ = *written;
    pipe_->finish({});
  } else {
    failure_ = written.error();
    pipe_->finish(written.error());
  }
}

Result<oci::Digest> ProducedBlob::digest() {
  if (thread_.joinable()) thread_.join();
  if (failure_) return Error(*failure_);
  CHECK(digest_);
  return *digest_;
}

}  // namespace kiln::transport
