#include "common/session/session.hpp"

namespace braid {

void Session::adopt(std::unique_ptr<Lane> lane)
{
    lane_ = std::move(lane);
    lane_->set_listener(*this);
}

void Session::open_lane(Loop& loop, Fd fd, Lane::Keys keys, Bytes received)
{
    lane_ = std::make_unique<Lane>(loop, std::move(fd), std::move(keys), received,
                                   static_cast<Lane::Listener&>(*this));
}

} // namespace braid
