#include "tests/lab/loss_model.hpp"

#include <algorithm>

namespace braid::lab {

void LossModel::configure(double loss_percent, double burst_packets)
{
    loss_ = loss_percent / 100;
    bursty_ = burst_packets > 1;
    leave_ = 1 / burst_packets;
    // The share of time in the bad state is enter / (enter + leave); solved for `enter`.
    enter_ = loss_ < 1 ? std::min(1.0, leave_ * loss_ / (1 - loss_)) : 1;
    if (loss_ <= 0) bad_ = false;
}

bool LossModel::loses_next(Random& random)
{
    if (loss_ <= 0) return false;
    if (loss_ >= 1) return true;
    if (!bursty_) return random.uniform() < loss_;
    const double change = bad_ ? leave_ : enter_;
    if (random.uniform() < change) bad_ = !bad_;
    return bad_;
}

} // namespace braid::lab
