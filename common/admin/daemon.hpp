/// The life of a daemon: started in the background or the foreground, one per control socket,
/// stopped from outside.
///
///   start: lock -> fork -> [child: log, cleanup after a crash, Instance::run, cleanup] -> exit
///                  parent waits on a pipe for ready, failed, or the end of its patience
///   run:   lock -> the same body in the foreground, reporting to systemd
///   reload: the config's text over the control socket, as the daemon may not read the file
///   stop:  request over the control socket -> wait until the lock is free
#pragma once

#include "common/admin/console.hpp"
#include "common/admin/program.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <string_view>

namespace braid {

constexpr auto stop_timeout = 20s;   ///< for putting everything back
constexpr auto request_timeout = 3s; ///< for a reply on the control socket

/// Errors (operation_not_permitted): this process lacks CAP_NET_ADMIN.
[[nodiscard]] Status require_net_admin();

/// How long a start may take.
struct StartPatience {
    Duration ready = 15s; ///< until the daemon is ready; then it is asked to end
    Duration end = 5s;    ///< from SIGTERM to SIGKILL
};

/// Starts the daemon in the background and waits until it is ready. No threads and no loop
/// may exist yet: it forks.
[[nodiscard]] ExitCode start_daemon(Instance& instance, StartPatience patience,
                                    const Console& console);
/// The daemon in the foreground; returns when it has ended.
[[nodiscard]] ExitCode run_daemon(Instance& instance, const Console& console);
/// What is told when a request meets no daemon. `program` is its name.
[[nodiscard]] Error not_running(const DaemonSettings& settings, std::string_view program);
/// Hands the text of the config file, which is valid, to the daemon, and tells what it changed.
[[nodiscard]] ExitCode reload_daemon(const DaemonSettings& settings, std::string_view program,
                                     const std::filesystem::path& config, const Console& console);
/// Makes the instance where only a dead daemon's leavings need it.
using LoadInstance = std::function<Result<std::unique_ptr<Instance>>()>;
/// Stops the daemon and waits until everything is put back; cleans up after a dead one.
[[nodiscard]] ExitCode stop_daemon(const DaemonSettings& settings, const LoadInstance& load,
                                   const Console& console);

} // namespace braid
