/// What a program brings along so that the command line can drive it.
#pragma once

#include "common/admin/exit_code.hpp"
#include "common/admin/settings.hpp"
#include "common/admin/state_file.hpp"
#include "common/base/result.hpp"

#include <filesystem>
#include <functional>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace braid {

/// How a daemon tells whoever started it how far it is.
class StartReporter {
public:
    virtual ~StartReporter() = default;
    /// What it waits for now ("an uplink with a route"), and the exit status to use should the
    /// time run out meanwhile.
    virtual void progress(std::string_view waiting_for, ExitCode if_timed_out) = 0;
    /// The tunnel carries packets, or the server listens. Later calls change nothing.
    virtual void ready() = 0;
    /// It gives up; run() returns the same status. After ready() the error is only logged.
    virtual void failed(ExitCode code, const Error& error) = 0;
};

/// Something that `check` found on the host.
struct Finding {
    ExitCode code = ExitCode::ok; ///< ok: a warning
    Error error;
};

/// A program with a valid config.
class Instance {
public:
    virtual ~Instance() = default;
    [[nodiscard]] virtual const DaemonSettings& settings() const = 0;
    /// What this host lacks to run the config, and warnings about the config. Changes nothing.
    [[nodiscard]] virtual std::vector<Finding> check() = 0;
    /// The daemon's life, until it is told to stop (DaemonControl) or fails. Makes its own
    /// Loop. Logging is set up and the instance lock is held. Host changes are recorded in
    /// `state` before they are made; cleanup() is called afterwards in any case.
    [[nodiscard]] virtual ExitCode run(StartReporter& reporter, StateFile& state) = 0;
    /// Puts back what the entries name and removes whatever carries our marks. Idempotent.
    /// Called after run(), and before it or on `stop` when a daemon died without it.
    [[nodiscard]] virtual Status cleanup(const std::vector<nlohmann::json>& entries) = 0;
};

/// What `keygen` and `pubkey` do. Keys are base64 text.
struct KeyTool {
    /// Prints a new private key and a line end.
    std::function<void(std::ostream& out)> print_new;
    /// Writes a new private key to a file that must not exist (mode 0600); yields its public key.
    std::function<Result<std::string>(const std::filesystem::path& file)> write_new;
    /// The public key of a private one. Takes one line end behind it.
    std::function<Result<std::string>(std::string_view private_key)> public_of;
};

/// A program as run_cli() sees it.
struct Program {
    std::string name;    ///< "braid-client"
    std::string summary; ///< one sentence for --help
    std::string version; ///< "0.1.0"
    std::filesystem::path default_config;
    DaemonSettings default_settings; ///< those of a config that says nothing about them
    std::function<Result<std::unique_ptr<Instance>>(const std::filesystem::path& config)> load;
    /// The human form of the status object that the daemon replies.
    std::function<std::string(const nlohmann::json& status)> status_table;
    KeyTool keys;
};

} // namespace braid
