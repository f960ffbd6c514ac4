// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <vector>

#include "archive/byte_stream.h"
#include "net/http.h"
#include "registry/blob_verifier.h"

namespace kiln::registry {

/// When and how the rest of a blob is asked for in pieces: where each connection has its limit, as
/// that of many a far server, several of them are faster than one.
struct PiecePolicy {
  /// A whole answer that came for so long, and has three times as long to come, is given up for it.
  std::chrono::milliseconds patience = std::chrono::seconds(1);
  std::uint64_t least_rest = std::uint64_t{16} << 20;
  std::size_t piece = std::size_t{2} << 20;
  unsigned connections = 4;
};

/// Gets the bytes of a range, all of them, into an empty `into`; called on several threads at once.
using FetchPiece = std::function<Result<void>(
    const net::ByteRange& range, std::vector<std::byte>& into, const std::stop_token& stop)>;

/// Fetches the bytes from `begin` up to `end` in pieces, several at a time, and writes them in
/// order, from the calling thread. Holds one piece more than there are connections.
Result<void> fetch_in_pieces(std::uint64_t begin, std::uint64_t end, const PiecePolicy& policy,
                             const FetchPiece& fetch, archive::ByteSink& sink,
                             const std::stop_token& stop);

/// Gives a blob's answer on, and ends it with an error when it comes so slowly that pieces are
/// better, from a server that gives them. Time that the sink takes is not the server's.
class SlowAnswerWatch final : public archive::ByteSink {
 public:
  SlowAnswerWatch(BlobVerifier& verifier, std::uint64_t blob_size, const PiecePolicy& policy)
      : verifier_(&verifier), blob_size_(blob_size), policy_(&policy) {}
  /// Before the answer's body.
  void begin(const net::HttpResponse& response);
  Result<void> write(archive::Bytes data) override;
  /// Whether it was this that ended the answer.
  bool gave_up() const { return gave_up_; }

 private:
  using Clock = std::chrono::steady_clock;
  bool is_slow() const;

  BlobVerifier* verifier_;
  std::uint64_t blob_size_;
  const PiecePolicy* policy_;
  Clock::time_point began_ = Clock::now();
  Clock::duration in_sink_{};
  std::uint64_t received_ = 0;
  bool gives_pieces_ = false, gave_up_ = false;
};

}  // namespace kiln::registry
