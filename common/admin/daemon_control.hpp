/// How a running daemon is told to stop and asked for its state.
#pragma once

#include "common/admin/control_socket.hpp"
#include "common/admin/settings.hpp"
#include "common/base/result.hpp"
#include "common/sys/loop.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

/// Answers {"request": "status"} with {"ok": true, "status": {...}}, {"request": "stop"} with
/// {"ok": true}, and {"request": "reload", "config": TEXT, "file": NAME, "folder": PATH} with
/// {"ok": true, "changed": [LINE, ...]}. SIGTERM, SIGINT and SIGQUIT stop too, SIGHUP reloads from
/// the config file. Every other request is an error.
class DaemonControl {
public:
    /// Puts a config's text into force, all of it or nothing. Yields what has changed, a line each.
    using Reload =
        std::function<Result<std::vector<std::string>>(std::string_view, const ConfigSource&)>;
    struct Hooks {
        /// The object of `status --json`; `privileges` is added to it.
        std::function<nlohmann::json()> status;
        std::function<void()> stop; ///< asked for once: begin to end, do not destroy this object
        Reload reload{};            ///< none: the program cannot
        std::filesystem::path config{}; ///< what SIGHUP reads; absolute
    };

    [[nodiscard]] static Result<std::unique_ptr<DaemonControl>>
    open(Loop& loop, const std::filesystem::path& socket, Hooks hooks);
    /// Handles the signals only; open() adds the socket.
    DaemonControl(Loop& loop, Hooks hooks);
    DaemonControl(const DaemonControl&) = delete;
    DaemonControl& operator=(const DaemonControl&) = delete;

private:
    nlohmann::json on_request(const nlohmann::json& request);
    nlohmann::json on_reload(const nlohmann::json& request);
    [[nodiscard]] Result<std::vector<std::string>> reload(std::string_view text,
                                                          const ConfigSource& source);
    void on_hangup();
    void stop();

    Hooks hooks_;
    bool stopping_ = false;
    SignalWatch terminate_;
    SignalWatch interrupt_;
    SignalWatch quit_;
    SignalWatch hangup_;
    std::unique_ptr<ControlServer> server_;
};

} // namespace braid
