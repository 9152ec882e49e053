#include "common/session/session.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace braid {

Session::Session(Loop& loop, Listener& listener, std::size_t tag)
    : loop_(loop), listener_(listener), tag_(tag), stale_timer_(loop, [this] {
          while (queue_.pop()) {
          }
      })
{
}

void Session::open_lane(Fd fd, Lane::Keys keys, Bytes received)
{
    stale_timer_.stop();
    if (lanes_.size() == max_lanes) remove(lanes_.begin());
    if (!lanes_.empty()) lanes_.back()->rest();
    lanes_.push_back(std::make_unique<Lane>(loop_, std::move(fd), std::move(keys), received,
                                            static_cast<Lane::Listener&>(*this)));
}

void Session::drop_lanes()
{
    while (!lanes_.empty()) {
        lanes_.front()->abort();
        remove(lanes_.begin());
    }
    stale_timer_.once(stale_after);
}

void Session::send()
{
    if (!lanes_.empty()) lanes_.back()->send_packets(queue_);
}

void Session::hold()
{
    for (const auto& lane : lanes_) lane->hold();
}

void Session::release()
{
    for (const auto& lane : lanes_) lane->release();
}

void Session::send_message(const Message& message)
{
    if (!lanes_.empty()) lanes_.back()->send_message(message);
}

void Session::ping()
{
    if (!lanes_.empty()) lanes_.back()->ping();
}

void Session::close(CloseReason reason)
{
    if (!lanes_.empty()) lanes_.back()->close(reason);
}

Lane::Counters Session::counters() const noexcept
{
    Lane::Counters sum = ended_;
    for (const auto& lane : lanes_) sum += lane->counters();
    return sum;
}

Status Session::on_message(const Message& message)
{
    const auto* close = std::get_if<Close>(&message);
    if (close == nullptr) return listener_.on_message(*this, message);
    closed_by_peer_ = true;
    return fail(std::errc::connection_reset,
                std::string{"the peer said goodbye: "} + std::string{name_of(close->reason)});
}

void Session::on_lane_end(Lane& lane, const Error& reason)
{
    const Error kept = reason; // it lives in the lane
    remove(std::ranges::find(lanes_, &lane, &std::unique_ptr<Lane>::get));
    if (closed_by_peer_) return listener_.on_session_end(*this, kept);
    if (!lanes_.empty()) return send();
    stale_timer_.once(stale_after);
    listener_.on_lanes_lost(*this, kept);
}

void Session::remove(std::vector<std::unique_ptr<Lane>>::iterator lane)
{
    ended_ += (*lane)->counters();
    lanes_.erase(lane);
}

} // namespace braid
