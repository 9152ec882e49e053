// Decides which packets a link loses: independently, or in bursts by the Gilbert-Elliott model
// (E. N. Gilbert, "Capacity of a burst-noise channel", 1960) with a bad state that loses all.
#pragma once

#include <cstdint>
#include <random>

namespace braid::lab {

/// Seeded source of the random decisions of one direction of a link; equal seeds, equal sequences,
/// with every standard library (no std distributions, whose output is not specified).
class Random {
public:
    explicit Random(std::uint64_t seed) : engine_(seed) {}

    /// Yields a number in [0, 1).
    [[nodiscard]] double uniform()
    {
        constexpr double step = 1.0 / 9007199254740992.0; // 2^-53, the grain of a double
        return static_cast<double>(engine_() >> 11) * step;
    }

private:
    std::mt19937_64 engine_;
};

///        enter_ probability
///   good ------------------> bad (loses every packet)
///        <------------------
///        1 / burst
class LossModel {
public:
    /// `loss_percent` is the share of lost packets in the long run, `burst_packets` >= 1 the mean
    /// number of packets lost in a row; 1 makes the losses independent.
    void configure(double loss_percent, double burst_packets);

    [[nodiscard]] bool loses_next(Random& random);

private:
    double loss_ = 0;
    double enter_ = 0;
    double leave_ = 1;
    bool bursty_ = false;
    bool bad_ = false;
};

} // namespace braid::lab
