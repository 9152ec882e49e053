/// The client as the command line drives it.
#pragma once

#include "client/client.hpp"
#include "common/admin/program.hpp"

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
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
    ClientInstance(std::filesystem::path file, ClientConfig config, Client::Identity identity)
        : file_(std::move(file)), config_(std::move(config)), identity_(std::move(identity))
    {
    }
    /// Yields what has changed. Errors: the config is not valid, or needs a restart.
    [[nodiscard]] Result<std::vector<std::string>> reload(Client& client, std::string_view text,
                                                          const ConfigSource& source) const;

    std::filesystem::path file_; ///< absolute: a daemon leaves the folder it was started in
    ClientConfig config_;        ///< as it was at the start
    Client::Identity identity_;
};

} // namespace braid
