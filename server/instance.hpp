/// The server as the command line drives it.
#pragma once

#include "common/admin/program.hpp"
#include "server/host_setup.hpp"
#include "server/server.hpp"

#include <filesystem>
#include <memory>
#include <vector>

namespace braid {

class ServerInstance : public Instance {
public:
    /// Errors: of load_server_config and of the key files.
    [[nodiscard]] static Result<std::unique_ptr<Instance>> load(const std::filesystem::path& file);

    [[nodiscard]] const DaemonSettings& settings() const override { return config_.daemon; }
    [[nodiscard]] std::vector<Finding> check() override;
    [[nodiscard]] ExitCode run(StartReporter& reporter, StateFile& state) override;
    [[nodiscard]] Status cleanup(const std::vector<nlohmann::json>& entries) override
    {
        return clean_up_host(entries);
    }

private:
    ServerInstance(ServerConfig config, Server::Identity identity)
        : config_(std::move(config)), identity_(std::move(identity))
    {
    }
    ServerConfig config_;
    Server::Identity identity_;
};

} // namespace braid
