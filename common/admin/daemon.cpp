#include "common/admin/daemon.hpp"

#include "common/admin/control_socket.hpp"
#include "common/admin/daemon_life.hpp"
#include "common/admin/file.hpp"
#include "common/admin/instance_lock.hpp"
#include "common/admin/printable.hpp"
#include "common/admin/systemd.hpp"
#include "common/base/log.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <linux/capability.h>
#include <optional>
#include <ostream>
#include <sys/syscall.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace braid {
namespace {

/// Reports of a daemon in the foreground: to systemd, to the log, and at last to the console.
class ForegroundReporter final : public StartReporter {
public:
    explicit ForegroundReporter(const Console& console) noexcept : console_(console) {}
    void progress(std::string_view waiting_for, ExitCode) override
    {
        notify_systemd("STATUS=waiting for " + std::string{waiting_for});
    }
    void ready() override
    {
        if (std::exchange(ready_, true)) return;
        spdlog::info("ready");
        notify_systemd("READY=1\nSTATUS=ready");
    }
    void failed(ExitCode code, const Error& error) override { console_.fail(code, error); }

private:
    const Console& console_;
    bool ready_ = false;
};

/// True for errors of a daemon that is about to open its socket, or past closing it.
bool may_pass(const Error& error)
{
    return is_not_running(error) || error.code == std::errc::connection_reset ||
           error.code == std::errc::broken_pipe;
}

/// The end of `stop`: nobody holds the lock, and perhaps nobody has put things back.
Result<bool> put_back(const DaemonSettings& settings, const LoadInstance& load)
{
    std::error_code code;
    const auto journal = std::filesystem::symlink_status(settings.beside_socket(".state"), code);
    if (!std::filesystem::exists(journal)) return false;
    const auto lock = InstanceLock::take(settings);
    if (!lock) return fail(lock.error());
    if (!*lock) return false; // somebody has started it again
    const auto instance = load();
    if (!instance) return fail(instance.error());
    return clean_up_after_crash(**instance);
}

} // namespace

Status require_net_admin()
{
    __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
    std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> sets{};
    if (::syscall(SYS_capget, &header, sets.data()) < 0) return fail_errno("capget", "self");
    if ((sets[0].effective >> CAP_NET_ADMIN & 1) != 0) return {};
    return fail(std::errc::operation_not_permitted,
                "not permitted to change the network (CAP_NET_ADMIN)", "run it as root");
}

ExitCode run_daemon(Instance& instance, const Console& console)
{
    const auto& settings = instance.settings();
    const auto lock = InstanceLock::take(settings);
    if (!lock) return console.fail(lock.error());
    if (!*lock)
        return console.fail(ExitCode::failure,
                            {std::make_error_code(std::errc::device_or_resource_busy),
                             "already running on " + settings.control_socket.native(),
                             {}});
    ::signal(SIGPIPE, SIG_IGN);
    ForegroundReporter reporter{console};
    return live(
        instance, reporter,
        {.settings = settings, .log = settings.log_file, .made_folder = (*lock)->made_folder()});
}

Error not_running(const DaemonSettings& settings, std::string_view program)
{
    return {std::make_error_code(std::errc::no_such_process),
            "not running: nobody answers on " + settings.control_socket.native(),
            std::string{"start it with '"}.append(program).append(" start'")};
}

ExitCode reload_daemon(const DaemonSettings& settings, std::string_view program,
                       const std::filesystem::path& config, const Console& console)
{
    const auto text = read_file(config, max_config_size);
    if (!text) return console.fail(text.error());
    const auto source = config_source(config);
    const nlohmann::json request{{"request", "reload"},
                                 {"config", *text},
                                 {"file", source.name},
                                 {"folder", source.folder.native()}};
    if (control_line(request).size() > max_request_size)
        return console.fail(ExitCode::config,
                            {std::make_error_code(std::errc::file_too_large),
                             config.native() + ": too large for a reload, which takes 64 KiB",
                             "use restart"});
    const auto reply = control_request(settings.control_socket, request, request_timeout);
    if (!reply && is_not_running(reply.error()))
        return console.fail(ExitCode::not_running, not_running(settings, program));
    if (!reply && reply.error().code == std::errc::operation_canceled)
        return console.fail(ExitCode::config, reply.error());
    if (!reply) return console.fail(reply.error());
    const auto changed = reply->value("changed", std::vector<std::string>{});
    for (const auto& line : changed) console.out << printable(line) << '\n';
    if (changed.empty()) console.out << "nothing has changed\n";
    return ExitCode::ok;
}

ExitCode stop_daemon(const DaemonSettings& settings, const LoadInstance& load,
                     const Console& console)
{
    bool asked = false;
    std::optional<Error> trouble;
    const bool free = wait_until(Clock::now() + stop_timeout, [&] {
        const auto held = InstanceLock::is_held(settings);
        if (!held) trouble = held.error();
        if (!held || !*held || asked) return !held || !*held;
        const auto reply =
            control_request(settings.control_socket, {{"request", "stop"}}, request_timeout);
        asked = reply.has_value();
        if (!reply && !may_pass(reply.error())) trouble = reply.error();
        return trouble.has_value();
    });
    if (trouble) return console.fail(*trouble);
    if (!free)
        return console.fail(ExitCode::timed_out,
                            {std::make_error_code(std::errc::timed_out),
                             "the daemon has not ended after " +
                                 std::to_string(std::chrono::seconds{stop_timeout}.count()) + " s",
                             "see its log " + settings.background_log().native()});
    const auto cleaned = put_back(settings, load);
    if (!cleaned) return console.fail(cleaned.error());
    if (*cleaned) console.out << "put back what a dead daemon had left\n";
    console.out << (asked ? "stopped" : "not running") << '\n';
    return ExitCode::ok;
}

} // namespace braid
