// A TAP device in a network namespace: one end of the emulated link. The device lives as long as
// its owner; the descriptor works from every namespace.
#pragma once

#include "tests/lab/fd.hpp"

#include <cstddef>
#include <optional>
#include <span>
#include <string>

namespace braid::lab {

/// Where a TAP device is made: a name under /run/netns, or a path, and the name of the device.
struct TapAddress {
    std::string netns;
    std::string name;
};

enum class TapState {
    present,
    gone, ///< the device was deleted; reads and writes do nothing
};

enum class Carrier { off, on };

class Tap {
public:
    /// Makes the device, without changing the caller's namespace. Throws std::system_error.
    explicit Tap(const TapAddress& address);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] TapState state() const { return state_; }

    /// Reads one Ethernet frame; nothing when there is none now. A frame that fills `buffer` may
    /// have been cut off.
    [[nodiscard]] std::optional<std::size_t> read(std::span<std::byte> buffer);

    /// Writes one frame; false when the device did not take it: it is down, unplugged or deleted.
    [[nodiscard]] bool write(std::span<const std::byte> frame);

    /// Plugs or pulls the cable, as the host sees it; false when the device refuses. The kernel
    /// may go on sending for a second: what it sends then is
    /// to be dropped, and write() takes nothing.
    [[nodiscard]] bool set_carrier(Carrier carrier);
    [[nodiscard]] Carrier carrier() const { return carrier_; }

private:
    void note_error(int error);

    Fd fd_;
    TapState state_ = TapState::present;
    Carrier carrier_ = Carrier::on;
};

} // namespace braid::lab
