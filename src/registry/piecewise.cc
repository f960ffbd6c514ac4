// SPDX-License-Identifier: Apache-2.0
#include "registry/piecewise.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <thread>

#include "base/strings.h"

namespace kiln::registry {
namespace {

using Piece = std::vector<std::byte>;

class PieceFetcher {
 public:
  PieceFetcher(std::uint64_t begin, std::uint64_t end, const PiecePolicy& policy,
               const FetchPiece& fetch, const std::stop_token& stop)
      : begin_(begin), end_(end), policy_(&policy), fetch_(&fetch), pass_on_(stop, [this] {
          give_up(cancelled());
        }) {
    const std::uint64_t wanted = std::min<std::uint64_t>(policy.connections, count());
    for (std::uint64_t i = 0; i < wanted; ++i) threads_.emplace_back([this] { work(); });
  }
  ~PieceFetcher() { give_up(cancelled()); }

  Result<void> write_to(archive::ByteSink& sink) {
    for (std::uint64_t number = 0; number < count(); ++number) {
      const Piece piece = TRY(await(number));
      TRY(sink.write(piece));
      const std::scoped_lock lock(mutex_);
      ++written_;
      changed_.notify_all();
    }
    return {};
  }

 private:
  std::uint64_t count() const { return (end_ - begin_ + policy_->piece - 1) / policy_->piece; }

  void give_up(Error reason) {
    const std::scoped_lock lock(mutex_);
    if (!failure_) failure_ = std::move(reason);
    stop_.request_stop();
    changed_.notify_all();
  }

  Result<Piece> await(std::uint64_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return failure_ || pieces_.contains(number); });
    const auto found = pieces_.find(number);
    if (found == pieces_.end()) return Error(*failure_);
    Piece out = std::move(found->second);
    pieces_.erase(found);
    return out;
  }

  /// The next one that nobody has begun, once there is room for it.
  std::optional<std::uint64_t> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] {
      return failure_ || begun_ == count() || begun_ <= written_ + policy_->connections;
    });
    if (failure_ || begun_ == count()) return std::nullopt;
    return begun_++;
  }

  void work() {
    while (const auto number = take()) {
      const std::uint64_t first = begin_ + *number * policy_->piece;
      const net::ByteRange range{first, std::min(first + policy_->piece, end_) - 1};
      Piece piece;
      auto fetched = (*fetch_)(range, piece, stop_.get_token());
      if (!fetched.ok()) return give_up(std::move(fetched).error());
      const std::scoped_lock lock(mutex_);
      pieces_.emplace(*number, std::move(piece));
      changed_.notify_all();
    }
  }

  std::uint64_t begin_, end_;
  const PiecePolicy* policy_;
  const FetchPiece* fetch_;
  std::stop_source stop_;

  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::uint64_t begun_ = 0, written_ = 0;
  std::map<std::uint64_t, Piece> pieces_;
  std::optional<Error> failure_;

  std::stop_callback<std::function<void()>> pass_on_;
  std::vector<std::jthread> threads_;
};

}  // namespace

Result<void> fetch_in_pieces(std::uint64_t begin, std::uint64_t end, const PiecePolicy& policy,
                             const FetchPiece& fetch, archive::ByteSink& sink,
                             const std::stop_token& stop) {
  if (begin >= end) return {};
  PieceFetcher fetcher(begin, end, policy, fetch, stop);
  return fetcher.write_to(sink);
}

void SlowAnswerWatch::begin(const net::HttpResponse& response) {
  began_ = Clock::now();
  const std::string* accepts = response.header("Accept-Ranges");
  gives_pieces_ = response.status == 206 || (accepts != nullptr && trim(*accepts) == "bytes");
}

Result<void> SlowAnswerWatch::write(archive::Bytes data) {
  const auto before = Clock::now();
  TRY(verifier_->write(data));
  in_sink_ += Clock::now() - before;
  received_ += data.size();
  if (!is_slow()) return {};
  gave_up_ = true;
  return Error(ErrorKind::interrupted, "the answer is slow");
}

bool SlowAnswerWatch::is_slow() const {
  const std::uint64_t rest = blob_size_ - verifier_->size();
  if (!gives_pieces_ || rest < policy_->least_rest) return false;
  const auto waited = Clock::now() - began_ - in_sink_;
  if (waited < policy_->patience) return false;
  using Seconds = std::chrono::duration<double>;
  const double left =
      Seconds(waited).count() * static_cast<double>(rest) / static_cast<double>(received_);
  return left >= 3 * Seconds(policy_->patience).count();
}

}  // namespace kiln::registry
