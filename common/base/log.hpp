/// Logging: spdlog lines of the form `lower-case sentence key=value ...` (fields: ARCHITECTURE.md).
#pragma once

#include "common/base/result.hpp"
#include "common/base/time.hpp"

#include <filesystem>
#include <optional>
#include <spdlog/spdlog.h>
#include <string_view>

namespace braid {

using LogLevel = spdlog::level::level_enum;

/// "debug", "info", "warning", "error"; anything else is invalid_argument.
[[nodiscard]] Result<LogLevel> parse_log_level(std::string_view text);

/// Sets up the process-wide logger. Without a file lines go to stderr (without own timestamps
/// under systemd, which adds them); with one, to at most two files of 1 MiB, or to one that starts
/// anew where this process may not make a second beside it.
[[nodiscard]] Status set_up_log(LogLevel level, const std::optional<std::filesystem::path>& file);

/// Where the older of two log files stands: a.log has a.1.log.
[[nodiscard]] std::filesystem::path older_log(const std::filesystem::path& file);

/// Lets an event through at most `burst` times per `interval`: for lines that strangers can
/// cause. Pure.
class LogLimit {
public:
    constexpr LogLimit(int burst, Duration interval) noexcept : burst_(burst), interval_(interval)
    {
    }
    [[nodiscard]] bool allows(TimePoint now) noexcept
    {
        if (now >= window_end_) {
            window_end_ = now + interval_;
            used_ = 0;
        }
        if (used_ >= burst_) return false;
        ++used_;
        return true;
    }

private:
    int burst_;
    Duration interval_;
    int used_ = 0;
    TimePoint window_end_{};
};

} // namespace braid
