#include "common/admin/daemon_life.hpp"

#include "common/admin/host_check.hpp"
#include "common/base/log.hpp"

#include <unistd.h>

namespace braid {
namespace {

/// The log is opened as the daemon's user, who may write in its folder: root would follow links.
Status confine_and_log(const Confinement& confinement)
{
    const auto warnings = confine(confinement);
    if (!warnings) return fail(warnings.error());
    if (auto log = set_up_log(confinement.settings.log_level, confinement.log); !log) {
        log.error().hint = "root makes it only where nobody else can change its path: "
                           "make it for the daemon's user, or choose another log.file";
        return log;
    }
    for (const Error& each : *warnings)
        spdlog::warn("less confined than could be reason=\"{}\" hint=\"{}\"", each.text(),
                     each.hint);
    return {};
}

Result<StateFile> begin(Instance& instance)
{
    const auto host = host_identity();
    if (!host) return fail(host.error());
    const auto cleaned = clean_up_after_crash(instance);
    if (!cleaned) return fail(cleaned.error());
    if (*cleaned) spdlog::warn("put back what a dead daemon had left");
    return StateFile::create(instance.settings().beside_socket(".state"), *host);
}

} // namespace

Result<bool> clean_up_after_crash(Instance& instance)
{
    const auto host = host_identity();
    if (!host) return fail(host.error());
    const auto file = instance.settings().beside_socket(".state");
    const auto entries = load_stale_state(file, *host);
    if (!entries) return fail(entries.error());
    if (!*entries) return false;
    if (const auto cleaned = instance.cleanup(**entries); !cleaned)
        return fail(cleaned.error(), "clean up after a crash");
    ::unlink(instance.settings().control_socket.c_str()); // nobody listens there any more
    if (const auto removed = remove_state(file); !removed) return fail(removed.error());
    return true;
}

ExitCode live(Instance& instance, StartReporter& reporter, const Confinement& confinement)
{
    const auto give_up = [&](const Error& error) {
        const auto code = exit_code_of(error);
        reporter.failed(code, error);
        return code;
    };
    if (const auto confined = confine_and_log(confinement); !confined)
        return give_up(confined.error());
    auto state = begin(instance);
    if (!state) return give_up(state.error());
    const auto code = instance.run(reporter, *state);
    auto cleaned = instance.cleanup(state->entries());
    if (cleaned) cleaned = state->clear();
    if (cleaned) return code;
    spdlog::error("cannot put everything back reason=\"{}\"", cleaned.error().text());
    return code == ExitCode::ok ? ExitCode::failure : code;
}

} // namespace braid
