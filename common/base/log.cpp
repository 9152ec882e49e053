#include "common/base/log.hpp"

#include <cstdlib>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

namespace braid {
namespace {

/// Renaming needs to write in the folder, which a daemon with a user of its own may not.
std::size_t old_files_of(const std::filesystem::path& file)
{
    const auto folder = std::filesystem::absolute(file).parent_path();
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored)) return 1; // it will be made
    return ::access(folder.c_str(), W_OK) == 0 ? 1 : 0;
}

} // namespace

Result<LogLevel> parse_log_level(std::string_view text)
{
    if (text == "debug") return spdlog::level::debug;
    if (text == "info") return spdlog::level::info;
    if (text == "warning") return spdlog::level::warn;
    if (text == "error") return spdlog::level::err;
    return fail(std::errc::invalid_argument, "unknown log level '" + std::string{text} + "'",
                "use debug, info, warning or error");
}

std::filesystem::path older_log(const std::filesystem::path& file)
{
    return spdlog::sinks::rotating_file_sink_st::calc_filename(file, 1);
}

Status set_up_log(LogLevel level, const std::optional<std::filesystem::path>& file)
try {
    constexpr std::size_t file_size = 1 << 20;
    spdlog::sink_ptr sink;
    if (file)
        sink = std::make_shared<spdlog::sinks::rotating_file_sink_st>(*file, file_size,
                                                                      old_files_of(*file));
    else
        sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    auto logger = std::make_shared<spdlog::logger>("braid", std::move(sink));
    const bool journal = !file && std::getenv("JOURNAL_STREAM") != nullptr;
    logger->set_pattern(journal ? "%l: %v" : "%Y-%m-%dT%H:%M:%S.%e %l: %v");
    logger->set_level(level);
    logger->flush_on(spdlog::level::debug);
    spdlog::set_default_logger(std::move(logger));
    return {};
} catch (const spdlog::spdlog_ex& error) {
    return fail(std::errc::io_error, std::string{"log: "} + error.what());
}

} // namespace braid
