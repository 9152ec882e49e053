/// Owners of libuv things. The memory of a handle is freed only in its close callback, so an
/// owner may die at any moment, also inside its own callback.
#pragma once

#include "common/base/ip.hpp"
#include "common/base/result.hpp"
#include "common/base/time.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

struct uv_loop_s;

namespace braid {

/// One event loop, one thread. Every handle owner below must die before its loop.
class Loop {
public:
    Loop();
    /// Runs the close callbacks of handles whose owners have died. Waits for a name lookup that
    /// runs on libuv's pool (libuv itself would wait for it at exit).
    ~Loop();
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    /// Runs callbacks until stop() or until no handle is left.
    void run();
    void stop();
    /// Steady time of this moment (not cached).
    [[nodiscard]] TimePoint now() const { return Clock::now(); }
    [[nodiscard]] uv_loop_s* raw() const noexcept { return loop_.get(); }

private:
    std::unique_ptr<uv_loop_s> loop_;
};

/// Calls back once after a time, or every period. Restarting replaces what was pending.
class Timer {
public:
    /// The callback lives as long as the timer.
    Timer(Loop& loop, std::function<void()> on_expiry);
    ~Timer();
    Timer(Timer&&) noexcept;
    Timer& operator=(Timer&&) noexcept;

    void once(Duration after);   ///< never early, late by less than a millisecond
    void every(Duration period); ///< rounded up to whole milliseconds, at least one
    void stop();
    [[nodiscard]] bool pending() const;

private:
    struct Handle;
    struct Close {
        void operator()(Handle*) const noexcept;
    };
    std::unique_ptr<Handle, Close> handle_;
};

/// Calls back once in the next turn of the loop, which does not wait for anything then; what is
/// wanted from the callback comes after the descriptors that are ready. A Timer of no time waits
/// for the next tick, up to a millisecond.
class NextTurn {
public:
    NextTurn(Loop& loop, std::function<void()> on_turn);
    ~NextTurn();
    NextTurn(NextTurn&&) noexcept;
    NextTurn& operator=(NextTurn&&) noexcept;

    void want();
    void stop();
    [[nodiscard]] bool pending() const;

private:
    struct Handle;
    struct Close {
        void operator()(Handle*) const noexcept;
    };
    std::unique_ptr<Handle, Close> handle_;
};

/// Which readiness of a descriptor is wanted.
struct Interest {
    bool readable = false;
    bool writable = false;
    auto operator<=>(const Interest&) const noexcept = default;
};

/// Reports readiness of a descriptor that somebody else owns. The descriptor must stay open
/// until this object has died. Level-triggered: reports again until the cause is gone.
class FdWatch {
public:
    using OnReady = std::function<void(Interest ready)>; ///< errors are reported as both
    FdWatch(Loop& loop, int fd, OnReady on_ready);
    ~FdWatch();
    FdWatch(FdWatch&&) noexcept;
    FdWatch& operator=(FdWatch&&) noexcept;

    /// Cheap when nothing changes; {} stops watching.
    void want(Interest interest);

private:
    struct Handle;
    struct Close {
        void operator()(Handle*) const noexcept;
    };
    std::unique_ptr<Handle, Close> handle_;
};

/// Calls back for each delivery of one signal.
class SignalWatch {
public:
    SignalWatch(Loop& loop, int signal_number, std::function<void()> on_signal);
    ~SignalWatch();
    SignalWatch(SignalWatch&&) noexcept;
    SignalWatch& operator=(SignalWatch&&) noexcept;

private:
    struct Handle;
    struct Close {
        void operator()(Handle*) const noexcept;
    };
    std::unique_ptr<Handle, Close> handle_;
};

/// Resolves a host name (or address text) off the loop's thread, on libuv's pool.
/// The callback is dropped when this object dies first; it never comes from the constructor.
/// Timer: refusal_ exists when libuv refuses the name at once, and reports that from the loop.
class Resolve {
public:
    /// At least one address, each once, in the resolver's order of preference; or the error.
    using OnDone = std::function<void(Result<std::vector<Address>>)>;
    Resolve(Loop& loop, const std::string& host, OnDone on_done);
    ~Resolve();
    Resolve(const Resolve&) = delete;
    Resolve& operator=(const Resolve&) = delete;

private:
    struct Request;
    Request* request_; ///< freed in its own callback, which outlives this object; or null
    std::optional<Timer> refusal_;
};

/// Runs a call that blocks, such as fsync(2), off the loop's thread, on libuv's pool.
class PoolTask {
public:
    /// `work` runs once, on another thread: it may use only what it holds itself. `on_done` gets
    /// what it yields, on the loop.
    PoolTask(Loop& loop, std::function<Status()> work, std::function<void(Status)> on_done);
    /// Waits until the work has ended, if it has begun; there is no call of `on_done` any more.
    ~PoolTask();
    PoolTask(const PoolTask&) = delete;
    PoolTask& operator=(const PoolTask&) = delete;

private:
    struct Request;
    Request* request_; ///< freed in its own callback, which outlives this object; or null
};

} // namespace braid
