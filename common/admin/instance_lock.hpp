/// One instance per control socket.
#pragma once

#include "common/admin/settings.hpp"
#include "common/base/result.hpp"
#include "common/sys/fd.hpp"

#include <optional>
#include <utility>

namespace braid {

/// Holds `<control socket>.lock` as long as this process, or a child that it forked, has it
/// open. The file stays when it is free, so that all lock the same one.
///
/// An open file description lock (fcntl(2)), because asking for it does not disturb it, as
/// trying flock(2) would.
class InstanceLock {
public:
    /// None when another process holds it. Makes the folder (0755) when it is missing.
    [[nodiscard]] static Result<std::optional<InstanceLock>> take(const DaemonSettings& settings);
    /// True when a process holds it now. Creates nothing.
    [[nodiscard]] static Result<bool> is_held(const DaemonSettings& settings);

    /// Whether the folder was missing.
    [[nodiscard]] bool made_folder() const noexcept { return made_folder_; }

private:
    InstanceLock(Fd file, bool made_folder) noexcept
        : file_(std::move(file)), made_folder_(made_folder)
    {
    }
    Fd file_;
    bool made_folder_;
};

} // namespace braid
