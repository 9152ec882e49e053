#include "tests/lab/loss_model.hpp"

#include <doctest/doctest.h>

namespace braid::lab {
namespace {

struct Outcome {
    double loss_percent;
    double mean_burst;
};

Outcome run(double loss_percent, double burst_packets)
{
    constexpr int packets = 400'000;
    Random random{11};
    LossModel model;
    model.configure(loss_percent, burst_packets);
    int lost = 0;
    int bursts = 0;
    bool in_burst = false;
    for (int i = 0; i < packets; ++i) {
        const bool loses = model.loses_next(random);
        lost += loses ? 1 : 0;
        bursts += loses && !in_burst ? 1 : 0;
        in_burst = loses;
    }
    return {100.0 * lost / packets, bursts == 0 ? 0 : static_cast<double>(lost) / bursts};
}

TEST_CASE("losses are as many and come in bursts as long as asked for")
{
    for (const double burst : {1.0, 2.0, 5.0, 20.0}) {
        CAPTURE(burst);
        const auto outcome = run(2, burst);
        CHECK(outcome.loss_percent == doctest::Approx(2).epsilon(0.1));
        CHECK(outcome.mean_burst == doctest::Approx(burst).epsilon(0.1));
    }
}

TEST_CASE("no loss loses nothing and full loss everything")
{
    CHECK(run(0, 4).loss_percent == 0);
    CHECK(run(100, 1).loss_percent == 100);
    CHECK(run(100, 4).loss_percent == 100);
}

TEST_CASE("equal seeds give equal losses")
{
    Random left{3};
    Random right{3};
    for (int i = 0; i < 100; ++i) CHECK(left.uniform() == right.uniform());
}

} // namespace
} // namespace braid::lab
