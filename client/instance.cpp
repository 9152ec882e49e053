#include "client/instance.hpp"

#include "client/lan_side.hpp"
#include "client/reload.hpp"
#include "client/status.hpp"
#include "common/admin/confinement.hpp"
#include "common/admin/crypto_choice.hpp"
#include "common/admin/host_check.hpp"
#include "common/crypto/key_file.hpp"
#include "common/sys/subflow_binding.hpp"

#include <net/if.h>
#include <spdlog/spdlog.h>

namespace braid {
namespace {

Error not_there(const std::string& interface)
{
    return {std::make_error_code(std::errc::no_such_device),
            "uplink " + interface + " is not there",
            "see `ip link`; it is used as soon as it appears"};
}

Error subflows_unbound()
{
    return {std::make_error_code(std::errc::not_supported),
            "this kernel does not bind subflows to devices (Linux before 6.12): they are routed by "
            "source address",
            "nothing is to be done; see `ip rule`, preference 8683"};
}

Error receive_offload_is_off(const std::string& interface)
{
    return {std::make_error_code(std::errc::not_supported),
            "generic receive offload is off on " + interface +
                ": what it forwards goes through the tunnel packet by packet, which is slower",
            "ethtool -K " + interface + " gro on"};
}

Error needs_restart(const std::vector<std::string>& keys)
{
    std::string all;
    for (const auto& key : keys) all.append(all.empty() ? "" : ", ").append(key);
    return {std::make_error_code(std::errc::invalid_argument),
            "nothing has been changed: needs a restart: " + all, "use restart"};
}

} // namespace

Result<std::unique_ptr<Instance>> ClientInstance::load(const std::filesystem::path& file)
{
    auto config = load_client_config(file);
    if (!config) return fail(config.error());
    if (const auto user = choose_user(config->daemon); !user) return fail(user.error());
    auto own = load_private_key(config->identity.private_key_file);
    if (!own) return fail(own.error());
    Client::Identity identity{std::move(*own), PresharedKey{}};
    if (const auto& psk_file = config->identity.preshared_key_file) {
        auto psk = load_preshared_key(*psk_file);
        if (!psk) return fail(psk.error());
        identity.psk = std::move(*psk);
    }
    return std::unique_ptr<Instance>{new ClientInstance{std::filesystem::absolute(file),
                                                        std::move(*config), std::move(identity)}};
}

std::vector<Finding> ClientInstance::check()
{
    std::vector<Finding> findings = check_host();
    for (const UplinkConfig& uplink : config_.uplinks.listed) {
        if (!config_.uplinks.automatic && ::if_nametoindex(uplink.interface.c_str()) == 0)
            findings.push_back({ExitCode::ok, not_there(uplink.interface)});
    }
    const bool automatic = config_.source_rules == SourceRulesUse::automatic;
    if (automatic && try_subflow_binding() == SubflowBinding::ignored)
        findings.push_back({ExitCode::ok, subflows_unbound()});
    const auto singly = lan_without_receive_offload(config_);
    for (const std::string& interface : singly ? *singly : std::vector<std::string>{})
        findings.push_back({ExitCode::ok, receive_offload_is_off(interface)});
    if (const auto kept = check_kept(config_.daemon); !kept)
        findings.push_back({ExitCode::ok, fail(kept.error(), "data counts are not kept").value()});
    return findings;
}

Result<std::vector<std::string>> ClientInstance::reload(Client& client, std::string_view text,
                                                        const ConfigSource& source) const
{
    // Key files cannot be read any more; a change of their names is refused below.
    const auto own_key = [&](const auto&) -> Result<PublicKey> {
        return identity_.own.public_key();
    };
    const auto unread = [](const auto&) { return Status{}; };
    auto next = parse_client_config(text, source, {own_key, unread});
    if (!next) return fail(next.error());
    auto change = compare(client.view().config, *next);
    if (!change.fixed.empty()) return fail(needs_restart(change.fixed));
    if (change.live.empty()) return change.live;
    const LogLevel log_level = next->daemon.log_level;
    if (const auto done = client.reconfigure(std::move(*next)); !done) return fail(done.error());
    spdlog::set_level(log_level);
    return change.live;
}

ExitCode ClientInstance::run(StartReporter& reporter, StateFile& state)
{
    const auto give_up = [&](const Error& error) {
        const ExitCode code = exit_code_of(error);
        reporter.failed(code, error);
        return code;
    };
    identity_.own.lock(); // `start` has forked since they were read
    identity_.psk.lock();
    Loop loop;
    auto host = HostSetup::open(config_, state);
    if (!host) return give_up(host.error());
    UsageFile usage{loop, config_.daemon.kept_file};
    RecordWorkers workers{loop, config_.daemon.workers};
    Client client{loop, config_, identity_, {choose_makers(), &workers}, *host, usage, reporter};
    const auto control = DaemonControl::open(
        loop, config_.daemon.control_socket,
        {.status = [&] { return client_status(client.view()); },
         .stop =
             [&] {
                 client.close();
                 loop.stop();
             },
         .reload = [&](std::string_view text,
                       const ConfigSource& source) { return reload(client, text, source); },
         .config = file_});
    if (!control) return give_up(control.error());
    if (const auto reduced = finish_confinement(); !reduced) return give_up(reduced.error());
    if (const auto opened = client.open(); !opened) return give_up(opened.error());
    loop.run();
    return client.exit_code();
}

} // namespace braid
