#include "common/admin/daemon_control.hpp"

#include "common/admin/confinement.hpp"
#include "common/admin/systemd.hpp"

#include <csignal>
#include <utility>

namespace braid {
namespace {

bool is_ignored(int signal_number)
{
    struct sigaction action {};
    return ::sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

} // namespace

Result<std::unique_ptr<DaemonControl>>
DaemonControl::open(Loop& loop, const std::filesystem::path& socket, Hooks hooks)
{
    auto control = std::make_unique<DaemonControl>(loop, std::move(hooks));
    auto server = ControlServer::open(loop, socket, [raw = control.get()](const auto& request) {
        return raw->on_request(request);
    });
    if (!server) return fail(std::move(server.error()));
    control->server_ = std::move(*server);
    return control;
}

DaemonControl::DaemonControl(Loop& loop, Hooks hooks)
    : hooks_(std::move(hooks)),
      terminate_(loop, SIGTERM, [this] { stop(); }),
      interrupt_(loop, SIGINT, [this] { stop(); }),
      quit_(loop, SIGQUIT, [this] { stop(); })
{
    if (!is_ignored(SIGHUP)) hangup_.emplace(loop, SIGHUP, [this] { stop(); });
}

nlohmann::json DaemonControl::on_request(const nlohmann::json& request)
{
    const auto name = request.at("request").get<std::string>();
    if (name == "status") {
        auto status = hooks_.status();
        status["privileges"] = privileges_status();
        return {{"ok", true}, {"status", std::move(status)}};
    }
    if (name == "stop") {
        stop();
        return {{"ok", true}};
    }
    return error_reply(fail(std::errc::invalid_argument, "unknown request '" + name + "'").value());
}

void DaemonControl::stop()
{
    if (std::exchange(stopping_, true)) return;
    notify_systemd("STOPPING=1");
    hooks_.stop();
}

} // namespace braid
