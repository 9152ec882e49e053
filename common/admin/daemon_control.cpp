#include "common/admin/daemon_control.hpp"

#include "common/admin/confinement.hpp"
#include "common/admin/file.hpp"
#include "common/admin/systemd.hpp"

#include <csignal>
#include <spdlog/spdlog.h>
#include <utility>

namespace braid {
namespace {

Error no_reload()
{
    return {std::make_error_code(std::errc::not_supported), "this program has no reload yet",
            "use restart"};
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
      quit_(loop, SIGQUIT, [this] { stop(); }),
      hangup_(loop, SIGHUP, [this] { on_hangup(); })
{
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
    if (name == "reload") return on_reload(request);
    return error_reply(fail(std::errc::invalid_argument, "unknown request '" + name + "'").value());
}

nlohmann::json DaemonControl::on_reload(const nlohmann::json& request)
{
    const auto text = [&](const char* key) {
        const auto found = request.find(key);
        return found != request.end() && found->is_string() ? found->get<std::string>()
                                                            : std::string{};
    };
    const auto changed = reload(text("config"), {.name = text("file"), .folder = text("folder")});
    if (!changed) return error_reply(changed.error());
    return {{"ok", true}, {"changed", *changed}};
}

Result<std::vector<std::string>> DaemonControl::reload(std::string_view text,
                                                       const ConfigSource& source)
{
    if (!hooks_.reload) return fail(no_reload());
    auto changed = hooks_.reload(text, source);
    if (changed) {
        for (const auto& line : *changed) spdlog::info("reload changed=\"{}\"", line);
    }
    return changed;
}

void DaemonControl::on_hangup()
{
    const auto refused = [](const Error& error, std::string_view hint) {
        spdlog::warn("SIGHUP changes nothing reason=\"{}\" hint=\"{}\"", error.text(), hint);
    };
    if (!hooks_.reload) return refused(no_reload(), no_reload().hint);
    const auto text = read_file(hooks_.config, max_config_size);
    if (!text) return refused(text.error(), "use the verb reload, as root");
    const auto changed = reload(*text, config_source(hooks_.config));
    if (!changed) return refused(changed.error(), changed.error().hint);
    if (changed->empty()) spdlog::info("SIGHUP: nothing has changed");
}

void DaemonControl::stop()
{
    if (std::exchange(stopping_, true)) return;
    notify_systemd("STOPPING=1");
    hooks_.stop();
}

} // namespace braid
