/// Micro-benchmarks of what each packet passes through. Options are those of Google Benchmark.
#include "common/crypto/keys.hpp"

#include <benchmark/benchmark.h>
#include <iostream>

int main(int argc, char** argv)
{
    if (const auto ready = braid::crypto::init(); !ready) {
        std::cerr << "error: " << ready.error().text() << '\n';
        return 1;
    }
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    benchmark::Shutdown();
    return 0;
}
