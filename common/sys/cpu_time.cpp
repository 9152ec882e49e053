#include "common/sys/cpu_time.hpp"

#include <array>
#include <charconv>
#include <ctime>
#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

namespace braid {
namespace {

std::optional<Duration> clock_time(clockid_t clock)
{
    timespec time{};
    if (::clock_gettime(clock, &time) != 0) return std::nullopt;
    return std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec};
}

} // namespace

Result<CpuMeter> CpuMeter::open()
{
    Fd stat{::open("/proc/stat", O_RDONLY | O_CLOEXEC)};
    if (!stat) return fail_errno("open", "/proc/stat");
    return CpuMeter{std::move(stat)};
}

std::optional<CpuTime> CpuMeter::read() const
{
    std::array<char, 256> text{}; // the first line has at most 10 numbers
    const ssize_t size = ::pread(stat_.get(), text.data(), text.size(), 0);
    if (size <= 0) return std::nullopt;
    const auto idle =
        idle_time({text.data(), static_cast<std::size_t>(size)}, ::sysconf(_SC_CLK_TCK));
    const auto process = clock_time(CLOCK_PROCESS_CPUTIME_ID);
    const auto thread = clock_time(CLOCK_THREAD_CPUTIME_ID);
    if (!idle || !process || !thread) return std::nullopt;
    return CpuTime{.process = *process, .thread = *thread, .idle = *idle};
}

std::optional<Duration> idle_time(std::string_view stat, long ticks_per_second)
{
    constexpr std::string_view all = "cpu ";
    constexpr std::size_t idle = 3; // behind user, nice, system; then iowait
    if (!stat.starts_with(all) || ticks_per_second <= 0) return std::nullopt;
    stat = stat.substr(all.size(), stat.find('\n') - all.size());
    std::int64_t ticks = 0;
    for (std::size_t i = 0; i <= idle + 1; ++i) {
        stat.remove_prefix(std::min(stat.find_first_not_of(' '), stat.size()));
        std::int64_t value = 0;
        const auto [rest, error] = std::from_chars(stat.data(), stat.data() + stat.size(), value);
        if (error != std::errc{}) return std::nullopt;
        stat.remove_prefix(static_cast<std::size_t>(rest - stat.data()));
        if (i >= idle) ticks += value;
    }
    return std::chrono::nanoseconds{std::chrono::seconds{1}} / ticks_per_second * ticks;
}

std::size_t usable_cpus()
{
    cpu_set_t cpus;
    // Machines of more than 1024 processors need a larger set: there are enough then.
    if (::sched_getaffinity(0, sizeof cpus, &cpus) != 0) return 1;
    return static_cast<std::size_t>(CPU_COUNT(&cpus));
}

} // namespace braid
