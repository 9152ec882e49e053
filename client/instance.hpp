/// The client as the command line drives it.
#pragma once

#include "client/client.hpp"
#include "common/admin/program.hpp"

#include <filesystem>
#include <memory>
#include <vector>

namespace braid {

class ClientInstance : public Instance {
public:
    /// Errors: of load_client_config and of the key files.
    [[nodiscard]] static Result<std::unique_ptr<Instance>> load(const std::filesystem::path& file);

    [[nodiscard]] const DaemonSettings& settings() const override { return config_.daemon; }
    [[nodiscard]] std::vector<Finding> check() override;
    [[nodiscard]] ExitCode run(StartReporter& reporter, StateFile& state) override;
    [[nodiscard]] Status cleanup(const std::vector<nlohmann::json>& entries) override
    {
        return HostSetup::cleanup(entries);
    }

private:
    ClientInstance(ClientConfig config, Client::Identity identity)
        : config_(std::move(config)), identity_(std::move(identity))
    {
    }
    ClientConfig config_;
    Client::Identity identity_;
};

} // namespace braid
