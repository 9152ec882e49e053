/// How a running daemon is told to stop and asked for its state.
#pragma once

#include "common/admin/control_socket.hpp"
#include "common/base/result.hpp"
#include "common/sys/loop.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

namespace braid {

/// Answers {"request": "status"} with {"ok": true, "status": {...}} and {"request": "stop"}
/// with {"ok": true}. SIGTERM, SIGINT, SIGQUIT and SIGHUP (unless it was ignored, as nohup(1) does)
/// stop too. Every other request is an error.
class DaemonControl {
public:
    struct Hooks {
        /// The object of `status --json`; `privileges` is added to it.
        std::function<nlohmann::json()> status;
        std::function<void()> stop; ///< asked for once: begin to end, do not destroy this object
    };

    [[nodiscard]] static Result<std::unique_ptr<DaemonControl>>
    open(Loop& loop, const std::filesystem::path& socket, Hooks hooks);
    /// Handles the signals only; open() adds the socket.
    DaemonControl(Loop& loop, Hooks hooks);
    DaemonControl(const DaemonControl&) = delete;
    DaemonControl& operator=(const DaemonControl&) = delete;

private:
    nlohmann::json on_request(const nlohmann::json& request);
    void stop();

    Hooks hooks_;
    bool stopping_ = false;
    SignalWatch terminate_;
    SignalWatch interrupt_;
    SignalWatch quit_;
    std::optional<SignalWatch> hangup_;
    std::unique_ptr<ControlServer> server_;
};

} // namespace braid
