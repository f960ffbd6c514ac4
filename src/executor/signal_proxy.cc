// SPDX-License-Identifier: Apache-2.0
#include "executor/signal_proxy.h"

namespace kiln::executor {

void SignalProxy::watch(os::Relay& relay) {
  if (signals_ == nullptr) return;
  relay.add_watch(signals_->fd(), [this, &relay] {
    while (const auto signal = signals_->next()) {
      if (os::is_request_to_end(*signal)) ++requests_;
      kept_.push_back(*signal);
    }
    deliver();
    if (waits_for_start() || is_impatient()) relay.interrupt();
  });
}

void SignalProxy::deliver() {
  if (kept_.empty() || !has_started_()) return;
  for (const int signal : kept_) (void)process_.kill(signal);
  kept_.clear();
}

}  // namespace kiln::executor
