#include "server/instance.hpp"

#include "common/admin/confinement.hpp"
#include "common/admin/control_socket.hpp"
#include "common/admin/crypto_choice.hpp"
#include "common/admin/host_check.hpp"
#include "common/crypto/key_file.hpp"
#include "common/sys/mptcp.hpp"
#include "server/status.hpp"

#include <spdlog/spdlog.h>

namespace braid {
namespace {

constexpr auto answer_patience = 1s; ///< of `check` with a daemon that may run

} // namespace

Result<std::unique_ptr<Instance>> ServerInstance::load(const std::filesystem::path& file)
{
    auto config = load_server_config(file);
    if (!config) return fail(config.error());
    if (const auto user = choose_user(config->daemon); !user) return fail(user.error());
    auto own = load_private_key(config->identity.private_key_file);
    if (!own) return fail(own.error());
    Server::Identity identity{std::move(*own), {}};
    for (const PeerConfig& peer : config->peers) {
        PresharedKey psk;
        if (peer.preshared_key_file) {
            auto loaded = load_preshared_key(*peer.preshared_key_file);
            if (!loaded) return fail(loaded.error());
            psk = std::move(*loaded);
        }
        identity.psks.push_back(std::move(psk));
    }
    return std::unique_ptr<Instance>{new ServerInstance{std::move(*config), std::move(identity)}};
}

std::vector<Finding> ServerInstance::check()
{
    std::vector<Finding> findings = check_host();
    const auto answer =
        control_request(config_.daemon.control_socket, {{"request", "status"}}, answer_patience);
    const auto daemon = answer ? DaemonState::running : DaemonState::stopped;
    if (const auto warning = mptcp::available() ? check_subflow_limit(daemon) : std::nullopt)
        findings.push_back({ExitCode::ok, *warning});
    if (config_.peers.empty())
        findings.push_back({ExitCode::ok,
                            {std::make_error_code(std::errc::invalid_argument),
                             "peers is empty: no client can connect",
                             "add each client's public key (braid-client pubkey) under peers"}});
    return findings;
}

ExitCode ServerInstance::run(StartReporter& reporter, StateFile& state)
{
    const auto give_up = [&](const Error& error) {
        const ExitCode code = exit_code_of(error);
        reporter.failed(code, error);
        return code;
    };
    identity_.own.lock(); // `start` has forked since they were read
    for (const PresharedKey& psk : identity_.psks) psk.lock();
    Loop loop;
    auto tun = set_up_host(config_, state);
    if (!tun) return give_up(tun.error());
    RecordWorkers workers{loop, config_.daemon.workers};
    Server server{loop, config_, identity_, {choose_makers(), &workers}, *tun};
    const auto control =
        DaemonControl::open(loop, config_.daemon.control_socket,
                            {.status = [&] { return server_status(config_, server, loop.now()); },
                             .stop =
                                 [&] {
                                     server.close();
                                     loop.stop();
                                 }});
    if (!control) return give_up(control.error());
    if (const auto opened = server.open(); !opened) return give_up(opened.error());
    if (const auto reduced = finish_confinement(); !reduced) return give_up(reduced.error());
    reporter.ready();
    loop.run();
    return server.exit_code();
}

} // namespace braid
