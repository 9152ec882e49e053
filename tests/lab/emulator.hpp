// Joins two TAP devices by an emulated link: owns the devices, the frames in flight, the timer and
// the control socket, and asks a LinkDirection for each direction what leaves when.
#pragma once

#include "tests/lab/control_socket.hpp"
#include "tests/lab/fd.hpp"
#include "tests/lab/frame_pool.hpp"
#include "tests/lab/link_direction.hpp"
#include "tests/lab/link_settings.hpp"
#include "tests/lab/tap.hpp"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace braid::lab {

struct EmulatorOptions {
    TapAddress a; ///< the client's side
    TapAddress b;
    std::string control_path;
    std::string up;   ///< settings of a -> b, as in `set up`
    std::string down; ///< settings of b -> a
    std::uint64_t seed = 1;
    int parent_pid = 0; ///< the link ends when this process does
};

/// Timer: one, armed for the next departure of either direction, but not within `wake_interval`
/// from now, so that a fast link costs a few thousand wake-ups a second, not one per packet.
class Emulator {
public:
    static constexpr Duration wake_interval = std::chrono::microseconds{200};

    /// Makes both devices. Throws std::system_error or std::invalid_argument.
    explicit Emulator(const EmulatorOptions& options);

    /// Serves the link until SIGTERM, SIGINT, SIGHUP or the end of the parent.
    void run();

private:
    /// Frames of one direction: read from `from`, held, written to `to`.
    struct Lane {
        std::string_view name; ///< "up", "down"
        Tap& from;
        Tap& to;
        LinkDirection link;
        std::uint64_t
            dropped_device; ///< a device was down, gone or unplugged, or the frame oversized
    };

    void watch(int fd);
    void read_frames(Lane& lane, TimePoint now);
    void write_due(Lane& lane, TimePoint now);
    void arm_timer(TimePoint now);

    [[nodiscard]] std::string handle(std::string_view request);
    [[nodiscard]] std::string handle_set(std::string_view request);
    [[nodiscard]] std::string handle_carrier(std::string_view request);
    [[nodiscard]] std::string describe() const;
    /// Yields the problem, or an empty text.
    [[nodiscard]] std::string configure(Lane& lane, std::string_view words);

    std::uint64_t seed_;
    Tap a_;
    Tap b_;
    FramePool pool_;
    std::array<Lane, 2> lanes_;
    Fd epoll_;
    Fd timer_;
    Fd signals_;
    Fd parent_;
    ControlSocket control_;
};

} // namespace braid::lab
