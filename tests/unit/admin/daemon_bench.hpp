/// A daemon of which only the life matters, for tests.
#pragma once

#include "common/admin/daemon.hpp"
#include "common/admin/daemon_control.hpp"
#include "common/admin/file.hpp"
#include "common/admin/instance_lock.hpp"
#include "tests/unit/admin/temp_folder.hpp"

#include <csignal>
#include <doctest/doctest.h>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string_view>
#include <unistd.h>
#include <utility>
#include <vector>

namespace braid::test {

using nlohmann::json;

/// How the daemon of a test behaves.
enum class Behaviour {
    serves,          ///< gets ready, ends when it is asked to
    refused,         ///< fails before it is ready
    waits,           ///< never gets ready, ends when it is asked to
    hangs,           ///< never gets ready, and takes no notice of anything
    crashes,         ///< dies of a signal before it is ready
    crashes_running, ///< gets ready, then dies of a signal when it is asked to stop
};

/// A daemon whose host changes are a file: "changed" is there while they are in force.
class TestInstance final : public Instance {
public:
    TestInstance(const TempFolder& folder, Behaviour behaviour)
        : settings_{.control_socket = folder / "d.sock"},
          change_(folder / "changed"),
          behaviour_(behaviour)
    {
    }

    const DaemonSettings& settings() const override { return settings_; }
    std::vector<Finding> check() override { return {}; }
    Status cleanup(const std::vector<json>& entries) override
    {
        for (const auto& entry : entries)
            std::filesystem::remove(entry.at("file").get<std::string>());
        return {};
    }
    ExitCode run(StartReporter& reporter, StateFile& state) override
    {
        if (behaviour_ == Behaviour::refused) {
            reporter.failed(ExitCode::refused,
                            fail(std::errc::io_error, "refused", "hint").value());
            return ExitCode::refused;
        }
        REQUIRE(state.record({{"file", change_.native()}}));
        REQUIRE(replace_file(change_, "x"));
        reporter.progress("an uplink", ExitCode::no_uplink);
        if (behaviour_ == Behaviour::crashes) ::raise(SIGKILL);
        if (behaviour_ == Behaviour::hangs) hang();
        serve(reporter);
        return ExitCode::ok;
    }

    void can_reload(DaemonControl::Reload reload) { reload_ = std::move(reload); }
    [[nodiscard]] bool changed() const { return std::filesystem::exists(change_); }

private:
    static void hang()
    {
        ::signal(SIGTERM, SIG_IGN);
        for (;;) ::pause();
    }
    void serve(StartReporter& reporter)
    {
        Loop loop;
        const auto control =
            DaemonControl::open(loop, settings_.control_socket,
                                {.status =
                                     [&] {
                                         const bool waits = behaviour_ == Behaviour::waits;
                                         return json{{"state", waits ? "connecting" : "up"}};
                                     },
                                 .stop =
                                     [&] {
                                         if (behaviour_ == Behaviour::crashes_running)
                                             ::raise(SIGKILL);
                                         loop.stop();
                                     },
                                 .reload = reload_,
                                 .config = change_.parent_path() / "config"});
        REQUIRE(control);
        if (behaviour_ != Behaviour::waits) reporter.ready();
        loop.run();
    }

    DaemonSettings settings_;
    std::filesystem::path change_;
    Behaviour behaviour_;
    DaemonControl::Reload reload_{};
};

/// A daemon to be, with a console that keeps what is printed.
struct Bench {
    explicit Bench(Behaviour behaviour) : instance(folder, behaviour) {}
    ~Bench() { [[maybe_unused]] const auto code = stop(); }

    ExitCode start(StartPatience patience = {.ready = 30s})
    {
        return start_daemon(instance, patience, console());
    }
    ExitCode stop()
    {
        const auto load = [this]() -> Result<std::unique_ptr<Instance>> {
            return std::make_unique<TestInstance>(folder, Behaviour::serves);
        };
        return stop_daemon(instance.settings(), load, console());
    }
    Console console()
    {
        out.str({});
        err.str({});
        return {in, out, err};
    }

    ExitCode reload(std::string_view config)
    {
        return reload_daemon(instance.settings(), "braid-test",
                             folder.write("config", config, 0600), console());
    }

    TempFolder folder{};
    TestInstance instance;
    std::istringstream in{};
    std::ostringstream out{};
    std::ostringstream err{};
};

inline bool held(const Bench& bench)
{
    return InstanceLock::is_held(bench.instance.settings()).value();
}

} // namespace braid::test
